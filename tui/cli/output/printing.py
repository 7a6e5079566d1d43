"""What the commands print for people: tables with rich, plain when piped, text from outside made visible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from core.api import (
    Check,
    DialogueCounts,
    ImportedData,
    ImportPlan,
    Job,
    Pair,
    Prompt,
    Recipe,
    Snapshot,
    Statistics,
    WinRate,
    count_jobs,
)
from tui.cli.output.tables import cell as _cell
from tui.cli.output.tables import facts as _facts
from tui.cli.output.tables import line as _line
from tui.cli.output.tables import table as _table
from tui.format.job_states import look
from tui.format.text import visible
from tui.format.values import (
    UNKNOWN,
    count,
    duration,
    percent,
)
from tui.format.win_rates import order_effects

if TYPE_CHECKING:
    from tui.app.keymap import KeyLine

SAMPLE_WARNING = (
    "This is a sample for trying the program, not research data: nothing follows from these figures."
)

#: Columns from which a table of jobs has room for notes.
_WIDE = 130

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "cancelled": "yellow"}
_OUTCOMES = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def console(*, stderr: bool = False) -> Console:
    """A console that parses no markup; where the output is piped nothing is wrapped or cut."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    return (
        made
        if made.is_terminal
        else Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=10_000)
    )


def status(console: Console, snapshot: Snapshot) -> None:
    supervisor = snapshot.supervisor
    running = "idle" if not supervisor.running else f"running (pid {supervisor.pid or 'not known'})"
    _facts(
        console,
        ("workspace", snapshot.workspace),
        ("data", dialogues(snapshot.dialogues)),
        (
            "supervisor",
            running + (", paused: `empathy-tui resume` lets jobs start" if snapshot.paused else ""),
        ),
    )
    if snapshot.config_error is not None:
        _line(console, snapshot.config_error, "red")
    if not snapshot.jobs:
        _line(console, next_step(snapshot))
        return
    sums = count_jobs(snapshot.jobs)
    _facts(console, ("jobs", f"{sums.done} of {sums.planned} done, {sums.running} running"))
    console.print()
    wide = console.width >= _WIDE
    table = _table("job", "state", "name", "progress", "time", *(("note",) if wide else ()), left=3)
    if wide:
        table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for job in snapshot.jobs:
        looks = look(job)
        note = (_cell(_note(job), _STYLES.get(looks.word, "dim")),) if wide else ()
        table.add_row(
            _cell(job.id),
            _cell(f"{looks.glyph} {looks.word}", _STYLES.get(looks.word, "dim")),
            _cell(job.name),
            _cell("" if job.done is None else f"{job.done}/{UNKNOWN if job.total is None else job.total}"),
            _cell(took(job)),
            *note,
        )
    console.print(table)
    for job in () if wide else snapshot.jobs:
        if job.state == "failed" and job.error is not None:
            _line(console, f"{job.id}: {job.error}", "red")


def _note(job: Job) -> str:
    """Why a job failed, or does not run."""
    if job.state == "failed":
        return job.error or UNKNOWN
    return (job.reason or "") if job.requested else ""


def next_step(snapshot: Snapshot) -> str:
    """What to do in a workspace without jobs."""
    if snapshot.dialogues.total == 0:
        return (
            "There is no data yet: `empathy-tui import CSV` takes it in, `empathy-tui demo` shows a sample."
        )
    return "config.toml asks for nothing: name students, recipes and judges in it (`empathy-tui init`)."


def dialogues(counts: DialogueCounts) -> str:
    if not counts.total:
        return "none yet"
    return f"{count(counts.total)} dialogues: {count(counts.train)} train, {count(counts.test)} test"


def imported(console: Console, plan: ImportPlan, counts: DialogueCounts) -> None:
    """What is in the store after an import."""
    _line(console, f"Imported {plan.file}: {dialogues(counts)}", "bold")
    _facts(console, ("sources", ", ".join(("human", *plan.facts.sources))))
    if plan.table.ignored:
        _facts(console, ("left out", f"{len(plan.table.ignored)} columns that nothing here needs"))


def changes(console: Console, plan: ImportPlan) -> None:
    """What an import would change, and the finished work that it makes stale."""
    _line(console, f"{plan.file} differs from the imported data:", "bold")
    for line in plan.changes:
        _line(console, f"  {line}")
    if not plan.stale:
        _line(console, "No finished job becomes stale.")
        return
    _line(console, f"{len(plan.stale)} finished jobs become stale (their results stay in artifacts/):")
    for job in plan.stale:
        _line(console, f"  {job.stage} {job.name}")


def data(
    console: Console, facts: ImportedData | None, counts: DialogueCounts, figures: Statistics | None
) -> None:
    if facts is None or figures is None:
        _line(console, "There is no data yet: `empathy-tui import CSV`, or `empathy-tui data fetch`.")
        return
    shares = ", ".join(f"{name or '(none)'} {count(number)}" for name, number in figures.sentiments.items())
    _facts(
        console,
        ("file", facts.file),
        ("data", dialogues(counts)),
        ("emotions", count(len(figures.emotions))),
        ("sentiment", shares),
    )
    console.print()
    table = _table("source", "rated 1", "rated 2", "rated 3", "mean words", "most words")
    for source in figures.sources:
        numbers = (*map(count, source.ratings), f"{source.mean_words:.1f}", count(source.most_words))
        table.add_row(_cell(source.source), *map(_cell, numbers))
    console.print(table)
    for crosstab in figures.crosstabs:
        console.print()
        table = _table("human rated", *(f"{crosstab.source} {rating}" for rating in (1, 2, 3)))
        for rating, row in enumerate(crosstab.counts, start=1):
            table.add_row(str(rating), *(_cell(count(number)) for number in row))
        console.print(table)


def recipes(console: Console, found: Sequence[Recipe]) -> None:
    if not found:
        _line(console, "There is no data yet, so no recipe: `empathy-tui import CSV`.")
        return
    table = _table("recipe", "method", "SFT examples", "preference pairs", left=2)
    for recipe in found:
        figures = (count(recipe.sft_examples), count(recipe.preference_pairs))
        table.add_row(_cell(recipe.name), _cell(recipe.method), *map(_cell, figures))
    console.print(table)


def prompts(console: Console, found: Sequence[Prompt]) -> None:
    table = _table("prompt", "what for", "fields", "from", left=4)
    for prompt in found:
        place = "prompts/" if prompt.overridden else "shipped"
        table.add_row(*map(_cell, (prompt.name, prompt.purpose, " ".join(prompt.fields), place)))
    console.print(table)
    for prompt in found:
        if prompt.error is not None:
            _line(console, prompt.error, "red")


def win_rates(console: Console, rates: Sequence[WinRate], *, sample: bool) -> None:
    if not rates:
        _line(console, "There is no comparison: config.toml asks for none, or there is no data yet.")
        return
    judges = list(dict.fromkeys(rate.judge for rate in rates))
    named = ("judge",) if len(judges) > 1 else ()
    words = ("a (baseline)", "b", *named)
    table = _table(*words, "b wins", "interval", "b/a/tie/inv", "n", left=len(words))
    for rate in rates:
        by = (rate.judge,) if named else ()
        figures = (rate.wins_b, rate.wins_a, rate.ties, rate.invalid)
        known = rate.win_rate_b is not None
        table.add_row(
            *(_cell(name) for name in (rate.a, rate.b, *by)),
            _cell(percent(rate.win_rate_b, 1) if known else rate.state, "bold" if known else "dim"),
            _cell(_span(rate)),
            _cell("/".join(map(count, figures)) if known else UNKNOWN),
            _cell(count(rate.n)),
        )
    console.print(table)
    for interval in dict.fromkeys(rate.interval for rate in rates if rate.interval):
        _line(console, f"b wins = (wins of b + half the ties) / n; interval: {interval}", "dim")
        _line(console, "b/a/tie/inv: dialogues that b won, that a won, ties, invalid verdicts", "dim")
    for rate in rates:
        effects = order_effects(rate)
        if effects is not None:
            _line(console, f"{rate.name}: {effects}", "dim")
    for judge, label in dict.fromkeys((rate.judge, rate.label) for rate in rates if rate.label):
        _line(console, f"Judge {judge}: {label}" if named else str(label))
    if sample:
        _line(console, SAMPLE_WARNING, "yellow")


def _span(rate: WinRate) -> str:
    if rate.ci_low is None or rate.ci_high is None:
        return UNKNOWN
    return f"{rate.ci_low * 100:.1f}–{rate.ci_high * 100:.1f} %"


def pairs(console: Console, a: str, b: str, found: Sequence[Pair], limit: int | None) -> None:
    """The first `limit` pairs, all for None."""
    if not found:
        _line(console, "There are no test dialogues: `empathy-tui import CSV` first.")
        return
    _facts(console, ("a", a), ("b", b))
    console.print()
    shown = found[:limit]
    for pair in shown:
        _line(console, f"{pair.dialog_id}  {pair.emotion}", "bold")
        _facts(
            console,
            ("situation", pair.situation),
            ("utterance", pair.utterance),
            ("a", UNKNOWN if pair.response_a is None else pair.response_a),
            ("b", UNKNOWN if pair.response_b is None else pair.response_b),
        )
        for verdict in pair.verdicts:
            what = f"{verdict.winner}, in the order {verdict.order} ({verdict.raw})"
            _facts(console, (f"judge {verdict.judge}", what))
        if not pair.verdicts:
            _facts(console, ("verdicts", "none"))
        console.print()
    if len(shown) < len(found):
        _line(console, f"{len(shown)} of {len(found)} test dialogues; --limit 0 shows all", "dim")


def keys(console: Console, lines: Sequence[KeyLine]) -> None:
    """Ids, keys as config.toml names them, and what they do."""
    table = _table("id", "keys", "what", left=3)
    for line in lines:
        table.add_row(_cell(line.id), _cell(line.keys, "bold"), _cell(line.what))
    console.print(table)


def check(console: Console, check: Check) -> None:
    glyph, style = _OUTCOMES[check.outcome]
    line = Text.assemble(
        (f"{glyph} {check.outcome:<4} ", style),
        (f"{visible(check.name)}: ", "bold"),
        visible(check.found),
        (f"  → {visible(check.remedy)}" if check.remedy else "", style),
    )
    console.print(line)


def demo(console: Console, root: Path) -> None:
    """What the demo is, before its work begins."""
    _line(console, f"Demo workspace: {root}", "bold")
    _line(console, SAMPLE_WARNING, "yellow")


def demo_ended(console: Console, root: Path, seconds: float) -> None:
    """What to do after the demo."""
    _line(console, f"All done in {duration(seconds)}. See it in the app: `empathy-tui --workspace {root}`")


def outcome_of(job: Job) -> str:
    """A finished job's most telling figures, in words; nothing where there are none."""
    result: dict[str, Any] = job.result or {}
    match job.stage:
        case "teach" if "answers" in result:
            left_out, reused = result.get("left_out"), result.get("reused")
            more = (f", {left_out} left out" if left_out else "") + (f", {reused} reused" if reused else "")
            return f"{result['answers']} answers{more}"
        case "recipe":
            return f"{result.get('sft_used')} SFT examples, {result.get('preferences_used')} preference pairs"
        case "sft" | "sft-dpo" if isinstance(result.get("train_loss"), float):
            return f"{result.get('steps')} steps, mean loss {result['train_loss']:.3f}"
        case "respond" if "responses" in result:
            cut = f", {result['cut']} of them cut at max_new_tokens" if "cut" in result else ""
            return f"{result['responses']} responses{cut}"
        case "judge" if "label" in result:
            return str(result["label"])
        case "calibrate" if isinstance(result.get("agreement"), float):
            span = " – ".join(percent(result[end], 1) for end in ("agreement_low", "agreement_high"))
            return f"agrees with people on {percent(result['agreement'], 1)} ({span})"
        case "compare" if isinstance(result.get("win_rate_b"), float):
            low, high = result.get("ci_low"), result.get("ci_high")
            return f"b wins {percent(result['win_rate_b'], 1)} ({percent(low, 1)} – {percent(high, 1)})"
    return ""


def took(job: Job) -> str:
    """How long a finished job's last attempt took; nothing for others."""
    if job.started_at is None or job.finished_at is None:
        return ""
    return duration(job.finished_at - job.started_at)
