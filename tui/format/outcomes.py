"""How a large model answered, as lines: what was left out, and what was taken off its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.api import GenerateResult, RespondResult, find_job
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
    found: list[str] = []
    seen: set[str] = set()
    needed = list(job.depends_on)
    while needed:
        other = find_job(snapshot, needed.pop(0))
        if other is None or other.id in seen:
            continue
        seen.add(other.id)
        found += [f"{visible(other.name)}: {line}" for line in lines(other.result)]
        needed += other.depends_on
    return found


def _lines(label: str, counts: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    return [
        f"{label}: {formats.count(count)} {visible(kind)}"
        + (f", for example {visible(examples[kind])}" if kind in examples else "")
        for kind, count in counts.items()
    ]
