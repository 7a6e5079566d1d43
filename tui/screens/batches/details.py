"""One submission in full, and what to say where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import submissions
from tui.format import values as figures
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import BatchEvent, Submission


def describe(one: Submission, timeline: Sequence[BatchEvent]) -> Content:
    """Who was asked, how it went, and where its files are."""
    where = f"{one.provider} at {one.base_url}" if one.base_url else one.provider
    facts = [
        ("batch", submissions.name(one)),
        ("model", f"{one.model}, {where}"),
        ("key", f"digest {one.key_digest}" if one.key_digest else "none"),
        ("job", f"{one.job}, {one.job_state}"),
        ("tokens", f"{submissions.tokens(one)}, {submissions.cost(one)}"),
        *submissions.files(one),
    ]
    lines = [Content.assemble((f"{name:<9}", "$text-muted"), visible(value)) for name, value in facts]
    lines += [Content.styled(visible(error), "$text-error") for error in one.errors]
    for moment in timeline:
        after = figures.duration(moment.at - one.submitted_at)
        counts = (
            "" if moment.completed is None else f"  {moment.completed:,} done, {moment.failed or 0:,} failed"
        )
        lines.append(Content.assemble((f"{'+' + after:<9}", "$text-muted"), visible(moment.state), counts))
    return Content("\n").join(lines)


def nothing() -> Content:
    """What to do where no teacher and no judge was asked yet."""
    return Content.assemble(
        ("Nothing was sent yet.\n\n", "bold"),
        (
            "Recipes improve-human/… and improve-llm/… ask the teacher that config.toml names under "
            "[teachers], and a judge may be asked too. Name them, and `s` starts the work, once it has told "
            "what that will cost. Direct distillation, students and the embedded judge send nothing.",
            "$text-muted",
        ),
    )
