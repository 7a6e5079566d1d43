"""What the commands about jobs print for people: the pipeline's status, and the outcome of a job."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from core.api import Job, Snapshot
from tui.cli.output.data import dialogue_counts
from tui.cli.output.tables import cell, make_table, print_fields, print_line
from tui.format.job_states import look, overall
from tui.format.values import UNKNOWN, duration, percent

#: Columns from which the table of jobs has room for notes.
_WIDE = 130

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "cancelled": "yellow"}


def print_status(console: Console, snapshot: Snapshot) -> None:
    """The workspace, its supervisor, and every job."""
    supervisor = snapshot.supervisor
    running = "idle" if not supervisor.running else f"running (pid {supervisor.pid or 'unknown'})"
    paused = ", paused: `empathy-tui resume` lets jobs start" if snapshot.paused else ""
    print_fields(
        console,
        ("workspace", snapshot.workspace),
        ("data", dialogue_counts(snapshot.dialogues)),
        ("supervisor", running + paused),
    )
    if snapshot.config_error is not None:
        print_line(console, snapshot.config_error, "red")
    if not snapshot.jobs:
        print_line(console, next_step(snapshot))
        return
    sums = overall(snapshot)
    print_fields(console, ("jobs", f"{sums.done} of {sums.planned} done, {sums.running} running"))
    console.print()
    wide = console.width >= _WIDE
    table = make_table("job", "state", "name", "progress", "time", *(("note",) if wide else ()), left=3)
    if wide:
        table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for job in snapshot.jobs:
        looks = look(job)
        style = _STYLES.get(looks.word, "dim")
        table.add_row(
            cell(job.id),
            cell(f"{looks.glyph} {looks.word}", style),
            cell(job.name),
            cell("" if job.done is None else f"{job.done}/{UNKNOWN if job.total is None else job.total}"),
            cell(time_taken(job)),
            *((cell(_note(job), style),) if wide else ()),
        )
    console.print(table)
    for job in () if wide else snapshot.jobs:
        if job.state == "failed" and job.error is not None:
            print_line(console, f"{job.id}: {job.error}", "red")


def _note(job: Job) -> str:
    """Why a job failed, or does not run."""
    if job.state == "failed":
        return job.error or UNKNOWN
    return (job.reason or "") if job.requested else ""


def next_step(snapshot: Snapshot) -> str:
    """What to do in a workspace without jobs."""
    if snapshot.dialogues.total == 0:
        return (
            "There is no data yet. Import a file: `empathy-tui import CSV`. "
            "Or try a sample: `empathy-tui demo`."
        )
    return "config.toml defines no jobs: add students, recipes and judges (`empathy-tui init` shows how)."


def outcome(job: Job) -> str:
    """A finished job's main results in words; empty when it has none."""
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


def time_taken(job: Job) -> str:
    """How long a finished job took; empty for others."""
    if job.started_at is None or job.finished_at is None:
        return ""
    return duration(job.finished_at - job.started_at)
