"""How a large model answered, as lines: what was left out, and what was taken off its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.api import GenerateResult, RespondResult, nearest_first
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Job, Result, Snapshot


def lines(result: Result | None) -> list[str]:
    """A line for each outcome that left requests out, and for each kind of cleaning, with an example."""
    if not isinstance(result, GenerateResult | RespondResult):
        return []
    return [
        *_lines("left out", result.left_out_as, result.left_out_examples),
        *_lines("cleaned", result.cleaned, result.cleaned_examples),
    ]


def of_job(job: Job, snapshot: Snapshot) -> list[str]:
    """The lines of a job's result; for a recipe, those of all answers that it is made from."""
    if job.stage != "recipe":
        return lines(job.result)
    jobs = {other.id: other for other in snapshot.jobs}
    needed = nearest_first(job.depends_on, lambda id: jobs[id].depends_on if id in jobs else ())
    others = (jobs[id] for id in needed if id in jobs)
    return [f"{visible(other.name)}: {line}" for other in others for line in lines(other.result)]


def _lines(label: str, counts: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    return [
        f"{label}: {formats.count(count)} {visible(kind)}"
        + (f", for example {visible(examples[kind])}" if kind in examples else "")
        for kind, count in counts.items()
    ]
