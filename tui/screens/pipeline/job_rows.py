"""Jobs as table rows, and the summary line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App
from textual.content import Content

from core.api import JobCounts, count_jobs, job_progress
from tui.components.listing import ListEntry
from tui.components.table_cells import Column, LaterCells
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.jobs import engines, job_counts, job_states
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Job, Snapshot
    from tui.format.text import TextPart

#: Min widths of optional columns.
WIDE = 110

_STATE, _STAGE, _SHARE, _TIME, _WHERE = 13, 8, 5, 7, 16


def columns(width: int, *, has_engines: bool = False) -> tuple[Column, ...]:
    """The columns that fit into `width` cells; the name gets the remaining width.

    `has_engines`: a job runs elsewhere than on this machine.
    """
    is_wide = width >= WIDE
    fixed = [
        Column("state", "state", _STATE),
        Column("stage", "stage", _STAGE),
        # A bar repeats the share, and names need the room.
        *([Column("bar", "progress", 10)] if is_wide else []),
        Column("share", "%", _SHARE, "right"),
        *([Column("count", "done/total", 11, "right")] if is_wide else []),
        Column("eta", "ETA", _TIME, "right"),
        *([Column("attempt", "try", 3, "right")] if is_wide else []),
        *([Column("where", "where", _WHERE)] if is_wide and has_engines else []),
        Column("elapsed", "elapsed", _TIME, "right"),
    ]
    taken = sum(column.width + 2 for column in fixed)
    # Two for the name's own padding, one for the scroll bar.
    return (*fixed[:2], Column("name", "name", max(12, width - taken - 3)), *fixed[2:])


def has_engines(jobs: Iterable[Job]) -> bool:
    """Whether a job runs elsewhere than on this machine."""
    return any(job.engine != "local" for job in jobs)


def entry(app: App[Any], job: Job, shown: Sequence[Column], now: float) -> ListEntry:
    """A job's row for the columns that are `shown`; `now` in Unix seconds."""
    look = job_states.look(job)
    return ListEntry(
        LaterCells(lambda: [_cell(app, column, job, now) for column in shown]),
        f"{look.word} {job.title}",
        {
            "state": look.word,
            "stage": job.stage,
            "name": job.name,
            "share": job_progress(job),
            "eta": job.eta_s if job.state == "running" else None,
            "attempt": job.attempt or None,
            "where": engines.place(job),
            "elapsed": elapsed(job, now),
        },
    )


def elapsed(job: Job, now: float) -> float | None:
    """Seconds from the start of the job's newest attempt to its end, or to `now` while it runs."""
    if job.state == "running" and job.started_at is not None and job.finished_at is None:
        return now - job.started_at
    return job.took_s


def summary(snapshot: Snapshot, width: int) -> Content:
    """The progress of all requested jobs on the left, the used slots on the right."""
    sums = count_jobs(snapshot.jobs)
    right: list[TextPart] = []
    taken = {job.slot for job in snapshot.jobs}
    for slot in (slot for slot in snapshot.slots if slot.name in taken):
        colour = "$text-accent" if slot.used else "$text-muted"
        right += ["  " if right else "", (f"{slot.name} {slot.used}/{slot.total}", colour)]
    start, end = _progress(sums, bar=12), Content.assemble(*right)
    if start.cell_length + 2 + end.cell_length > width:
        # Numbers that do not add up would mislead; the slots in use are on the home screen too.
        start = _progress(sums, bar=0)
    if start.cell_length + 2 + end.cell_length > width:
        return start
    return Content.assemble(start, " " * (width - start.cell_length - end.cell_length), end)


def _progress(sums: JobCounts, *, bar: int) -> Content:
    parts: list[TextPart] = [job_counts.done_of(sums)]
    if bar:
        parts[:0] = [
            (formats.bar(sums.done / sums.total if sums.total else None, bar), "$accent"),
            "  ",
        ]
    for text, colour in job_counts.others(sums):
        parts += ["  ", (text, f"${colour}")]
    return Content.assemble(*parts)


def _cell(app: App[Any], column: Column, job: Job, now: float) -> Text:
    look = job_states.look(job)
    colour, muted = shade(app, look.colour), shade(app, "text-muted")
    share = job_progress(job)
    match column.key:
        case "state":
            return Text(f"{look.glyph} {look.word}", colour)
        case "stage":
            return Text(visible(job.stage), muted)
        case "name":
            style = "" if job.requested else muted
            return Text(formats.shorten(visible(job.name), column.width), style)
        case "bar":
            if share is None and job.state != "running":
                return Text("")
            return Text(formats.bar(share, column.width), colour)
        case "share":
            return Text("" if share is None else formats.percent(share), muted)
        case "count":
            total = "" if job.total is None else f"{job.done or 0}/{job.total}"
            return Text(total, muted)
        case "eta":
            eta = job.eta_s if job.state == "running" else None
            return Text("" if eta is None else formats.duration(eta), muted)
        case "attempt":
            return Text(str(job.attempt) if job.attempt else "", muted if job.attempt < 2 else "")
        case "where":
            return Text(formats.shorten(visible(engines.place(job)), column.width), muted)
        case _:
            seconds = elapsed(job, now)
            return Text("" if seconds is None else formats.duration(seconds), muted)
