"""The items that need the user's attention, the most urgent first, with keys to resolve them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import UNSUCCESSFUL, blocked_by_each, count_jobs, needs_supervisor
from tui.components.keyed_table import OPEN
from tui.format import values as formats
from tui.format.jobs import job_counts, waits
from tui.format.jobs.job_states import LOOKS

if TYPE_CHECKING:
    from core.api import Job, Snapshot, Spending

#: The share of the budget from which an item is shown.
_NEARLY_SPENT = 0.9


@dataclass(frozen=True)
class AttentionItem:
    """An item: `what` it is about, and `why` it needs attention.

    `remedy` has ids of bindings with their effects; `advice` is a text if no key resolves it. `job` is the
    job that it is about.
    """

    key: str
    glyph: str
    colour: str
    what: str
    why: str
    remedy: tuple[tuple[str, str], ...] = ()
    advice: str = ""
    job: str | None = None


def attention_items(
    snapshot: Snapshot, spending: Spending | None, now: float, *, watched: bool, superseded: int = 0
) -> list[AttentionItem]:
    """All items that need attention at `now`, in Unix seconds.

    `watched` if this app is read-only and starts no supervisor; `superseded` counts trained runs of earlier
    settings.
    """
    return [
        *_config(snapshot),
        *(_no_supervisor(snapshot) if watched else ()),
        *_failed(snapshot.jobs),
        *_waiting(snapshot.jobs, now),
        *_paused(snapshot),
        *_slots(snapshot),
        *([] if spending is None else _money(spending)),
        *_removed(snapshot),
        *_unstarted(snapshot),
        *_superseded(superseded),
    ]


def _config(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if snapshot.config_error is not None:
        yield AttentionItem(
            "config",
            "✗",
            "text-error",
            "config.toml is invalid",
            snapshot.config_error,
            advice="edit it; this screen updates when it is saved",
        )


def _no_supervisor(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if needs_supervisor(snapshot, pending=False):
        yield AttentionItem(
            "supervisor",
            "!",
            "text-warning",
            "no supervisor runs",
            "requested jobs do not run",
            advice="it starts when the owner opens the workspace",
        )


def _failed(jobs: Sequence[Job]) -> Iterator[AttentionItem]:
    """Failed jobs, the latest first, then cancelled ones, each with the number of jobs that wait for it."""
    ended = [job for job in jobs if job.requested and job.state in UNSUCCESSFUL]
    ended.sort(key=lambda job: (job.state == "cancelled", -(job.finished_at or 0.0)))
    blocked = blocked_by_each(jobs, [job.id for job in ended])
    for job in ended:
        look = LOOKS[job.state]
        waiting = len(blocked[job.id])
        held = (
            f"; {formats.counted(waiting, 'other job')} wait{'s' if waiting == 1 else ''}" if waiting else ""
        )
        log = ((OPEN, "log"),) if job.attempt else ()
        yield AttentionItem(
            f"job {job.id}",
            look.glyph,
            look.colour,
            job.title,
            f"{job.error or look.word}{held}",
            (*log, ("home.retry", "retry")),
            job=job.id,
        )


def _waiting(jobs: Sequence[Job], now: float) -> Iterator[AttentionItem]:
    """Running jobs that wait for something outside."""
    for job in jobs:
        if job.wait is not None:
            yield AttentionItem(
                f"wait {job.id}",
                "!",
                "text-warning",
                job.title,
                waits.words(job.wait, now),
                ((OPEN, "log"),),
                job=job.id,
            )


def _paused(snapshot: Snapshot) -> Iterator[AttentionItem]:
    if snapshot.paused:
        yield AttentionItem(
            "paused", "‖", "text-warning", "paused", "no new jobs start", (("home.pause", "resume"),)
        )


def _slots(snapshot: Snapshot) -> Iterator[AttentionItem]:
    """Slots that are 0 in config.toml although jobs wait for them."""
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
                f"{formats.counted(waiting, 'job')} wait{'s' if waiting == 1 else ''} for one",
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
            f"{formats.dollars(sum_)} of {formats.dollars(budget)} spent or committed",
            advice="raise spending.budget_usd in config.toml",
        )
    if spending.unpriced:
        yield AttentionItem(
            "unpriced",
            "!",
            "text-warning",
            "costs are incomplete",
            f"{formats.count(spending.unpriced)} responses have no price",
            advice="add the model to [prices.models]",
        )


def _removed(snapshot: Snapshot) -> Iterator[AttentionItem]:
    """Unfinished jobs that config.toml had when they were requested."""
    removed = [job for job in snapshot.jobs if not job.in_config]
    number = count_jobs(removed)
    unfinished = number.active + number.waiting + number.blocked
    if unfinished and snapshot.config_error is None:
        parts = [text for text, _ in job_counts.others(number)]
        yield AttentionItem(
            "removed",
            "!",
            "text-warning",
            f"{formats.counted(unfinished, 'job')} of an earlier config.toml",
            ", ".join(parts),
            advice="they continue until you cancel them, on the pipeline screen",
        )


def _unstarted(snapshot: Snapshot) -> Iterator[AttentionItem]:
    planned = sum(not job.requested for job in snapshot.jobs)
    if planned and snapshot.config_error is None:
        yield AttentionItem(
            "unstarted",
            "·",
            "text-muted",
            f"{formats.counted(planned, 'job')} not started",
            "config.toml has jobs that were not requested",
            (("home.start_all", "start all"),),
        )


def _superseded(runs: int) -> Iterator[AttentionItem]:
    """Runs that the present settings would train otherwise."""
    if runs:
        yield AttentionItem(
            "superseded",
            "·",
            "text-muted",
            f"{formats.counted(runs, 'run')} of earlier settings",
            "superseded: the table compares their results with the current ones",
            (("home.runs", "table"),),
        )
