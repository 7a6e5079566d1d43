"""What in a workspace waits for a person, the most urgent first, with the keys that mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import blocked_jobs, needs_supervisor
from tui.format import values as formats
from tui.format.job_states import LOOKS

#: The key that opens the log of the job in question.
OPEN = "table.open"

if TYPE_CHECKING:
    from core.api import Job, Snapshot, Spending

#: The share of the budget from which on it is told.
_NEARLY_SPENT = 0.9


@dataclass(frozen=True)
class AttentionItem:
    """One thing: `what` it is about, `why` in words from the work itself.

    `remedy` are bindings' ids with what each does, or words where no key mends it. `job` is the one that it
    is about.
    """

    key: str
    glyph: str
    colour: str
    what: str
    why: str
    remedy: tuple[tuple[str, str], ...] = ()
    advice: str = ""
    job: str | None = None


def attention_items(snapshot: Snapshot, spending: Spending | None, *, watched: bool) -> list[AttentionItem]:
    """Everything that a person should look at now; `watched` where this app starts no supervisor."""
    return [
        *_config(snapshot),
        *(_stands_still(snapshot) if watched else ()),
        *_failed(snapshot.jobs),
        *_paused(snapshot),
        *_slots(snapshot),
        *([] if spending is None else _money(spending)),
        *_unstarted(snapshot),
    ]


def _config(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if snapshot.config_error is not None:
        yield AttentionItem(
            "config",
            "✗",
            "text-error",
            "config.toml is invalid",
            snapshot.config_error,
            advice="edit it: this screen follows",
        )


def _stands_still(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if needs_supervisor(snapshot, pending=False):
        yield AttentionItem(
            "supervisor",
            "!",
            "text-warning",
            "no supervisor runs",
            "what was started stands still",
            advice="it goes on once its owner opens it",
        )


def _failed(jobs: Sequence[Job]) -> Iterator[AttentionItem]:
    """Failed jobs, the last first, and cancelled ones; each with how many wait for it."""
    ended = [job for job in jobs if job.requested and job.state in ("failed", "cancelled")]
    ended.sort(key=lambda job: (job.state == "cancelled", -(job.finished_at or 0.0)))
    for job in ended:
        look = LOOKS[job.state]
        waiting = len(blocked_jobs(jobs, [job.id]))
        held = (
            f"; {waiting} other job{'' if waiting == 1 else 's'} wait{'s' if waiting == 1 else ''}"
            if waiting
            else ""
        )
        log = ((OPEN, "log"),) if job.attempt else ()
        yield AttentionItem(
            f"job {job.id}",
            look.glyph,
            look.colour,
            f"{job.stage} {job.name}",
            f"{job.error or look.word}{held}",
            (*log, ("home.retry", "retry")),
            job=job.id,
        )


def _paused(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if snapshot.paused:
        yield AttentionItem(
            "paused", "‖", "text-warning", "paused", "no further job starts", (("home.pause", "resume"),)
        )


def _slots(snapshot: Snapshot) -> Iterator[AttentionItem]:
    """Kinds of slots of which config.toml gives none, and jobs that wait for one."""
    for slot in snapshot.slots:
        waiting = sum(
            job.requested and job.slot == slot.name and job.state in ("ready", "waiting")
            for job in snapshot.jobs
        )
        if waiting and not slot.total:
            yield AttentionItem(
                f"slot {slot.name}",
                "!",
                "text-warning",
                f"no {slot.name} slot",
                f"{waiting} jobs wait for one",
                advice=f"raise slots.{slot.name} in config.toml",
            )


def _money(spending: Spending) -> Iterator[AttentionItem]:
    budget, sum_ = spending.budget_usd, spending.usd + spending.reserved_usd
    if budget is not None and sum_ >= _NEARLY_SPENT * budget:
        yield AttentionItem(
            "budget",
            "!",
            "text-warning",
            "the budget is nearly spent",
            f"{formats.dollars(sum_)} of {formats.dollars(budget)} are spent or on their way",
            advice="raise spending.budget_usd in config.toml",
        )
    if spending.unpriced:
        yield AttentionItem(
            "unpriced",
            "!",
            "text-warning",
            "costs are not known in full",
            f"{formats.count(spending.unpriced)} answers have no price",
            advice="name the model under [prices.models]",
        )


def _unstarted(snapshot: Snapshot) -> Iterator[AttentionItem]:
    planned = sum(not job.requested for job in snapshot.jobs)
    if planned and snapshot.config_error is None:
        yield AttentionItem(
            "unstarted",
            "·",
            "text-muted",
            f"{planned} job{'' if planned == 1 else 's'} not started",
            "config.toml asks for more than was started",
            (("home.start_all", "start all"),),
        )
