"""How the states of jobs look: glyphs, words and colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import Job, JobState, Snapshot

#: Why nothing is changed from here.
WATCHED = "this app only watches the workspace: open it without --read-only to change anything"


@dataclass(frozen=True)
class StateLook:
    """How a job's state is shown: a glyph, a word, and the theme variable of its colour."""

    glyph: str
    word: str
    colour: str


NOT_ASKED = StateLook("·", "not started", "text-muted")

LOOKS: dict[JobState, StateLook] = {
    "waiting": StateLook("○", "waiting", "text-muted"),
    "ready": StateLook("◌", "ready", "text-secondary"),
    "running": StateLook("▶", "running", "text-accent"),
    "done": StateLook("✓", "done", "text-success"),
    "failed": StateLook("✗", "failed", "text-error"),
    "cancelled": StateLook("⊘", "cancelled", "text-warning"),
}


def look(job: Job) -> StateLook:
    """How the state of `job` is shown; a job that nobody asked for has not been started."""
    return LOOKS[job.state] if job.requested else NOT_ASKED


def is_empty(snapshot: Snapshot) -> bool:
    """Whether the workspace has no data, which all work needs."""
    return snapshot.dialogues.total == 0


def farewell(snapshot: Snapshot | None) -> str | None:
    """What to say as the app closes: that work goes on, if there is any."""
    if snapshot is None:
        return None
    left = sum(job.requested and job.state in ("ready", "running") for job in snapshot.jobs)
    if not left or not snapshot.supervisor.running:
        return None
    return (
        f"{left} job{' goes' if left == 1 else 's go'} on in the background. `empathy-tui` opens the app "
        "again, `empathy-tui status` tells how far they are."
    )
