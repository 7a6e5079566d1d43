"""Glyphs, words and colours of job states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import count_jobs, is_blocked

if TYPE_CHECKING:
    from core.api import Job, JobState, Snapshot


@dataclass(frozen=True)
class StateLook:
    """A job state on the screen: a glyph, a word, and the theme variable of its colour."""

    glyph: str
    word: str
    colour: str


NOT_STARTED = StateLook("·", "not started", "text-muted")

LOOKS: dict[JobState, StateLook] = {
    "waiting": StateLook("○", "waiting", "text-muted"),
    "ready": StateLook("◌", "ready", "text-secondary"),
    "running": StateLook("▶", "running", "text-accent"),
    "done": StateLook("✓", "done", "text-success"),
    "failed": StateLook("✗", "failed", "text-error"),
    "cancelled": StateLook("⊘", "cancelled", "text-warning"),
    "stopped": StateLook("⊣", "stopped", "text-muted"),
}
BLOCKED = StateLook("○", "blocked", "text-warning")
QUEUED = StateLook("◌", "queued", "text-secondary")
CANCELLING = StateLook("⊘", "cancelling", "text-warning")
SUPERSEDED = StateLook("✓", "superseded", "text-muted")
ARCHIVED = StateLook("⊙", "archived", "text-muted")
PREEMPTED = StateLook("◌", "preempted", "text-warning")


def look(job: Job) -> StateLook:
    """The look of the state of `job`: one that runs after it was requested to stop is cancelling, one in the
    queue of a cluster is queued, one whose place was taken away is preempted, one that waits for another
    without success is blocked, one that was not requested is not started."""
    if job.cancelling:
        return CANCELLING
    if job.state == "running" and job.queue is not None:
        return QUEUED
    if job.preempted is not None:
        return PREEMPTED
    if is_blocked(job):
        return BLOCKED
    return LOOKS[job.state] if job.requested else NOT_STARTED


def superseded_look(*, archived: bool) -> StateLook:
    """The look of a run that is done and superseded, or also archived."""
    return ARCHIVED if archived else SUPERSEDED


def is_empty(snapshot: Snapshot) -> bool:
    """Whether the workspace has no data, which every job needs."""
    return snapshot.dialogues.total == 0


def exit_message(snapshot: Snapshot | None) -> str | None:
    """The message when the app closes while jobs remain; None if there are none."""
    if snapshot is None or not snapshot.supervisor.running:
        return None
    counts = count_jobs(snapshot.jobs)
    unfinished = counts.active + counts.waiting
    if not unfinished:
        return None
    return (
        f"{unfinished} job{' continues' if unfinished == 1 else 's continue'} in the background. "
        "`empathy-tui` opens the app again, `empathy-tui status` shows their progress."
    )
