"""The number of jobs in each state, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import JobCounts


def done_of(counts: JobCounts) -> str:
    """`29 of 59 done`, of all jobs."""
    return f"{counts.done} of {counts.total} done"


def others(counts: JobCounts) -> list[tuple[str, str]]:
    """How many jobs are in each other state, with the theme's variable of its colour; none that is 0.

    Together with those that are done they are all jobs.
    """
    numbers = (
        (counts.running, "running", "text-accent"),
        (counts.cancelling, "cancelling", "text-warning"),
        (counts.waiting, "waiting", "text-secondary"),
        (counts.blocked, "blocked", "text-warning"),
        (counts.failed, "failed", "text-error"),
        (counts.cancelled, "cancelled", "text-warning"),
        (counts.stopped, "stopped at rungs", "text-muted"),
        (counts.not_started, "not started", "text-muted"),
    )
    return [(f"{number} {word}", colour) for number, word, colour in numbers if number]
