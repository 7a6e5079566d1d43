"""One submission in full, and the message if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import submissions
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import BatchEvent, Submission

#: The width of the labels: the longest is `+15m 00s`.
LABEL = 9


def describe(one: Submission, timeline: Sequence[BatchEvent]) -> Content:
    """Its model, its timeline, and its files."""
    where = f"{one.provider} at {one.base_url}" if one.base_url else one.provider
    fields = [
        ("batch", submissions.name(one)),
        ("model", f"{one.model}, {where}"),
        ("key", submissions.key(one)),
        ("job", f"{one.job_name} ({one.job_state})"),
        ("tokens", f"{submissions.tokens(one)}{submissions.reasoning(one)}, {submissions.cost(one)}"),
        *submissions.files(one),
    ]
    lines = [Content.assemble((f"{name:<{LABEL}}", "$text-muted"), visible(value)) for name, value in fields]
    lines += [Content.styled(visible(error), "$text-error") for error in one.errors]
    for moment in timeline:
        after = formats.duration(moment.at - one.submitted_at)
        counts = "" if moment.completed is None else f"  {moment.completed:,} done"
        counts += f", {moment.failed:,} failed" if moment.failed else ""
        state = visible(submissions.state_look(moment.state).word)
        lines.append(Content.assemble((f"{'+' + after:<{LABEL}}", "$text-muted"), state, counts))
    return Content("\n").join(lines)


def nothing(start_key: str) -> Content:
    """The message if no request was ever sent."""
    return Content.assemble(
        ("No requests yet.\n\n", "bold"),
        (
            "Recipes improve-human/… and improve-llm/… send requests to a teacher under [teachers] in "
            f"config.toml, and judges may send requests too. {start_key} starts all jobs after it has shown "
            "the estimated cost. Direct distillation, students and the embedded judge send no requests.",
            "$text-muted",
        ),
    )
