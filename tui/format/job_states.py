"""What a snapshot means for a person: states in words, what can be done now, how far it all is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.format.values import percent

if TYPE_CHECKING:
    from collections.abc import Container

    from core.api import Job, JobState, Snapshot, WinRate

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


@dataclass(frozen=True)
class Overall:
    """How far the work that was asked for is, in jobs; `failed` counts cancelled ones too."""

    done: int
    asked: int
    running: int
    failed: int
    planned: int


def overall(snapshot: Snapshot) -> Overall:
    """The sums over all jobs of a snapshot."""
    asked = [job for job in snapshot.jobs if job.requested]
    return Overall(
        done=sum(job.state == "done" for job in asked),
        asked=len(asked),
        running=sum(job.state == "running" for job in asked),
        failed=sum(job.state in ("failed", "cancelled") for job in asked),
        planned=len(snapshot.jobs),
    )


def fraction(job: Job) -> float | None:
    """How far a job is, from 0 to 1, or None when that is not known."""
    if job.state == "done":
        return 1.0
    if job.done is None or not job.total:
        return None
    return min(1.0, job.done / job.total)


def is_empty(snapshot: Snapshot) -> bool:
    """Whether the workspace has no data, which all work needs."""
    return snapshot.dialogues.total == 0


def find(snapshot: Snapshot | None, job: str | None) -> Job | None:
    """The job of that id in a snapshot."""
    if snapshot is None or job is None:
        return None
    return next((found for found in snapshot.jobs if found.id == job), None)


def unavailable(action: str, job: Job | None) -> str | None:
    """Why `start`, `cancel` or `retry` cannot be done to `job` now, or None when it can."""
    if job is None:
        return "no job is selected"
    name = f"{job.stage} {job.name}"
    if action == "start":
        if job.state == "done":
            return f"{name} is done: there is nothing to start"
        if job.requested and job.state not in ("failed", "cancelled"):
            return f"{name} is asked for already: it is {job.state}"
    elif action == "cancel":
        if not job.requested:
            return f"{name} was never started: there is nothing to cancel"
        if job.state not in ("waiting", "ready", "running"):
            return f"{name} is {job.state}: there is nothing to cancel"
    elif job.state not in ("failed", "cancelled"):
        return f"{name} is {look(job).word}: only what failed or was cancelled can be tried again"
    return None


def nothing_to_start(snapshot: Snapshot | None) -> str | None:
    """Why starting everything would start nothing, or None when it would start something."""
    if snapshot is None:
        return "the workspace is being read"
    if snapshot.config_error is not None:
        return f"config.toml does not hold: {snapshot.config_error}"
    if not snapshot.jobs:
        return "there is nothing to start: import data, and name students, recipes and judges in config.toml"
    if all(job.requested and job.state not in ("failed", "cancelled") for job in snapshot.jobs):
        return "all jobs are asked for already"
    return None


def no_log(job: Job | None) -> str | None:
    """Why a job has no log to show, or None when it has one."""
    if job is None:
        return "no job is selected"
    return f"{job.stage} {job.name} has no log: it has not run yet" if job.attempt == 0 else None


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


def needs_supervisor(snapshot: Snapshot, pending: bool) -> bool:
    """Whether there is work that only a supervisor moves on, and none runs.

    What is paused, blocked by a failure, or has no slot at all waits for a person instead.
    """
    if snapshot.supervisor.running:
        return False
    done = {job.id for job in snapshot.jobs if job.state == "done"}
    slots = {slot.name for slot in snapshot.slots if slot.total}
    return pending or any(_can_move(job, snapshot.paused, done, slots) for job in snapshot.jobs)


def _can_move(job: Job, paused: bool, done: set[str], slots: Container[str]) -> bool:
    if not job.requested:
        return False
    if job.state == "running":
        return True
    able = job.state == "ready" or (job.state == "waiting" and done.issuperset(job.depends_on))
    return able and not paused and job.slot in slots


def order_effects(rate: WinRate) -> str | None:
    """How the order of the two responses moved the judge; None where each pair was judged in one."""
    if rate.flip_rate is None:
        return None
    said = (
        f"The orders disagree in {percent(rate.flip_rate)} of the dialogues, the first place wins "
        f"{percent(rate.prefers_first)}"
    )
    if rate.bootstrap_low is None:
        return f"{said}."
    low, high = percent(rate.bootstrap_low, 1), percent(rate.bootstrap_high, 1)
    return f"{said}; bootstrap over dialogues {low} – {high}."
