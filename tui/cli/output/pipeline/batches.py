"""What the commands about teachers print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from core.api import AnswerCount, BatchEvent, Estimate, SentRequest, Spending, Submission
from tui.cli.output.tables import cell, make_table, print_fields, print_line, print_table
from tui.format import submissions
from tui.format.values import (
    UNKNOWN,
    count,
    dollars,
    duration,
)

_STYLES = {"text-success": "green", "text-accent": "cyan", "text-error": "red", "text-warning": "yellow"}


def print_batches(
    console: Console,
    found: Sequence[Submission],
    events: Mapping[str, Sequence[BatchEvent]],
    spending: Spending,
    now: float,
) -> None:
    """All submissions, the newest first, and what the workspace has spent."""
    if not found:
        print_line(
            console,
            "No requests were sent yet. Recipes improve-human/… and improve-llm/…, and judges other than the "
            "embedded one, send requests when their jobs run.",
        )
        return
    rows = make_table("batch", "state", "for", "done/failed/all", "age", "ETA", "tokens", "cost", left=3)
    for one in found:
        looks = submissions.look(one)
        rows.add_row(
            cell(submissions.name(one)),
            cell(f"{looks.glyph} {looks.word}", _STYLES.get(looks.colour, "dim")),
            cell(one.job_name),
            cell(submissions.progress(one)),
            cell(duration(submissions.age_s(one, now))),
            cell("" if one.collected else duration(submissions.eta_s(one, events.get(one.token, ())))),
            cell(submissions.tokens(one)),
            cell(submissions.cost(one)),
        )
    print_table(console, rows)
    if spending.by_recipe:
        console.print()
        rows = make_table("recipe", "cost", left=1)
        for name, usd in spending.by_recipe:
            rows.add_row(cell(name), cell(dollars(usd)))
        print_table(console, rows)
        print_line(console, "An answer that several recipes use is counted under each of them.", "dim")
    print_line(console, submissions.money(spending))


def print_batch(
    console: Console,
    one: Submission,
    events: Sequence[BatchEvent],
    outcomes: Sequence[AnswerCount],
    requests: Sequence[SentRequest],
) -> None:
    """One submission with its timeline, how its requests ended, and its files."""
    looks = submissions.look(one)
    print_fields(
        console,
        ("batch", submissions.name(one)),
        ("token", one.token),
        ("state", looks.word + (", collected" if one.collected else "")),
        ("for", f"{one.job_name} ({one.job}, {one.job_state})"),
        ("model", f"{one.model}, {one.provider} at {one.base_url or 'this machine'}"),
        ("key", submissions.key(one)),
        ("requests", submissions.progress(one) + " done/failed/all"),
        ("tokens", f"{submissions.tokens(one)} input + output{submissions.reasoning(one)}"),
        ("cost", submissions.cost(one)),
        ("ETA", UNKNOWN if one.collected else duration(submissions.eta_s(one, events))),
        *submissions.files(one),
    )
    for error in one.errors:
        print_line(console, error, "red")
    console.print()
    rows = make_table("time", "state", "done", "failed", left=2)
    for event in events:
        rows.add_row(
            cell(duration(event.at - one.submitted_at)),
            cell(event.state),
            cell(count(event.completed)),
            cell(count(event.failed)),
        )
    print_table(console, rows)
    if outcomes:
        console.print()
        rows = make_table("outcome", "message or example", "requests", left=2)
        for group in outcomes:
            rows.add_row(cell(group.outcome), cell(submissions.example(group)), cell(count(group.requests)))
        print_table(console, rows)
    if requests:
        console.print()
        rows = make_table("dialogue", "outcome", "answer", left=3)
        for request in requests:
            rows.add_row(cell(request.dialog_id), cell(request.outcome), cell(request.error or request.text))
        print_table(console, rows)


def print_estimates(console: Console, found: Sequence[Estimate], spending: Spending) -> None:
    """The requests that would be sent, and their estimated cost."""
    if not found:
        print_line(console, "These jobs send no requests to a teacher or a judge, so they cost nothing.")
        return
    rows = make_table(
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
            cell(str(one.asker)),
            cell(one.teacher),
            *(cell(count(n)) for n in (one.requests, one.answered, one.requests - one.answered)),
            cell(f"~{count(one.input_tokens)}"),
            cell(f"~{count(one.output_tokens)}"),
            cell(f"~{dollars(one.usd)}" if one.usd is not None else UNKNOWN),
        )
    total = submissions.total_usd(found)
    if any(one.is_upper_bound for one in found):
        stopping = ", ".join(str(one.asker) for one in found if one.is_upper_bound)
        print_line(console, f"At most this is sent: {stopping} may stop before, once it is decided.")
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
    print_table(console, rows)
    if total is not None and any(one.expected_usd is not None for one in found):
        expected = sum((one.usd if one.expected_usd is None else one.expected_usd) or 0.0 for one in found)
        print_line(console, f"At most this is spent: rungs stop runs, and ~{dollars(expected)} is expected.")
    print_line(
        console,
        "Tokens are estimated from text lengths. Requests that recipes share are counted once.",
        "dim",
    )
    print_line(console, submissions.money(spending))
