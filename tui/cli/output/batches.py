"""What the commands about teachers print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from core.api import AnswerCount, BatchEvent, Estimate, SentRequest, Spending, Submission
from tui.cli.output.tables import (
    cell,
    facts,
    line,
    table,
)
from tui.format import submissions
from tui.format.values import (
    UNKNOWN,
    count,
    dollars,
    duration,
)

_STYLES = {"text-success": "green", "text-accent": "cyan", "text-error": "red", "text-warning": "yellow"}


def batches(
    console: Console,
    found: Sequence[Submission],
    moments: Mapping[str, Sequence[BatchEvent]],
    spending: Spending,
    now: float,
) -> None:
    """All submissions, the newest first, and the workspace's money."""
    if not found:
        line(
            console,
            "Nothing was sent yet: recipes improve-human/… and improve-llm/…, and judges that are asked, "
            "send requests once they run.",
        )
        return
    rows = table("batch", "state", "for", "done/failed/all", "age", "left", "tokens", "cost", left=3)
    for one in found:
        looks = submissions.look(one)
        rows.add_row(
            cell(submissions.name(one)),
            cell(f"{looks.glyph} {looks.word}", _STYLES.get(looks.colour, "dim")),
            cell(one.job_name),
            cell(submissions.progress(one)),
            cell(duration(submissions.age_s(one, now))),
            cell("" if one.collected else duration(submissions.eta_s(one, moments.get(one.token, ())))),
            cell(submissions.tokens(one)),
            cell(submissions.cost(one)),
        )
    console.print(rows)
    if spending.by_recipe:
        console.print()
        rows = table("recipe", "cost", left=1)
        for name, usd in spending.by_recipe:
            rows.add_row(cell(name), cell(dollars(usd)))
        console.print(rows)
        line(console, "An answer that several recipes use stands under each of them.", "dim")
    line(console, submissions.money(spending))


def batch(
    console: Console,
    one: Submission,
    moments: Sequence[BatchEvent],
    outcomes: Sequence[AnswerCount],
    requests: Sequence[SentRequest],
    now: float,
) -> None:
    """One submission with its timeline, how its requests ended, and its files."""
    looks = submissions.look(one)
    facts(
        console,
        ("batch", submissions.name(one)),
        ("token", one.token),
        ("state", looks.word + (", collected" if one.collected else "")),
        ("for", f"{one.job_name} ({one.job}, {one.job_state})"),
        ("model", f"{one.model}, {one.provider} at {one.base_url or 'this machine'}"),
        ("key", f"digest {one.key_digest}" if one.key_digest else "none"),
        ("requests", submissions.progress(one) + " done/failed/all"),
        ("tokens", submissions.tokens(one) + " input + output"),
        ("cost", submissions.cost(one)),
        ("left", UNKNOWN if one.collected else duration(submissions.eta_s(one, moments))),
        *(
            (kind, path)
            for kind, path in (
                ("input", one.input_path),
                ("output", one.output_path),
                ("errors", one.error_path),
            )
            if path is not None
        ),
    )
    for error in one.errors:
        line(console, error, "red")
    console.print()
    rows = table("after", "state", "done", "failed", left=2)
    for moment in moments:
        rows.add_row(
            cell(duration(moment.at - one.submitted_at)),
            cell(moment.state),
            cell(count(moment.completed)),
            cell(count(moment.failed)),
        )
    console.print(rows)
    if outcomes:
        console.print()
        rows = table("outcome", "what the provider said", "requests", left=2)
        for group in outcomes:
            rows.add_row(cell(group.outcome), cell(group.error or ""), cell(count(group.requests)))
        console.print(rows)
    if requests:
        console.print()
        rows = table("dialogue", "outcome", "answer", left=3)
        for request in requests:
            rows.add_row(cell(request.dialog_id), cell(request.outcome), cell(request.error or request.text))
        console.print(rows)


def estimates(console: Console, found: Sequence[Estimate], spending: Spending) -> None:
    """What would be asked and cost, before anything is sent."""
    if not found:
        line(console, "Nothing here asks a teacher or a judge: nothing is sent, and nothing is to be paid.")
        return
    rows = table(
        "recipe",
        "teacher",
        "requests",
        "answered",
        "to send",
        "input tokens",
        "output tokens",
        "cost",
        left=2,
    )
    for one in found:
        rows.add_row(
            cell(one.recipe),
            cell(one.teacher),
            *(cell(count(n)) for n in (one.requests, one.answered, one.requests - one.answered)),
            cell(f"~{count(one.input_tokens)}"),
            cell(f"~{count(one.output_tokens)}"),
            cell(f"~{dollars(one.usd)}" if one.usd is not None else UNKNOWN),
        )
    total = submissions.total_usd(found)
    rows.add_row(
        cell("all", "bold"),
        "",
        *(
            cell(count(n), "bold")
            for n in (
                sum(one.requests for one in found),
                sum(one.answered for one in found),
                sum(one.requests - one.answered for one in found),
            )
        ),
        cell(f"~{count(sum(one.input_tokens for one in found))}", "bold"),
        cell(f"~{count(sum(one.output_tokens for one in found))}", "bold"),
        cell(UNKNOWN if total is None else f"~{dollars(total)}", "bold"),
    )
    console.print(rows)
    line(
        console,
        "Tokens are estimates, by length; what recipes share stands under the first of them.",
        "dim",
    )
    line(console, submissions.money(spending))
