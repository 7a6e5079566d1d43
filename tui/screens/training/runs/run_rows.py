"""Runs as rows of a list: number and colour, state, name, progress, loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tui.components.listing import ListEntry
from tui.components.table_cells import Column, LaterCells
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.jobs import job_states
from tui.format.jobs.job_states import StateLook
from tui.format.text import visible
from tui.screens.training.charts import ticks

if TYPE_CHECKING:
    from textual.app import App

    from core.api import Job
    from tui.screens.training.charts.run_marks import DrawnRun

_FIXED = (
    Column("mark", "", 2),
    Column("state", "state", 13),
    Column("steps", "steps", 11, "right"),
    Column("loss", "loss", 8, "right"),
    Column("eta", "ETA", 7, "right"),
)
#: The ETA is shown from this width on.
_ROOMY = 100
_PADDING, _SCROLLBAR, _NAME = 2, 1, 12


@dataclass(frozen=True)
class RunRow:
    """The data of a run's row, and the width of the list."""

    job: Job
    loss: float | None
    shown: DrawnRun | None
    is_marked: bool
    is_archived: bool
    width: int


def columns(width: int) -> Sequence[Column]:
    """The columns of a list of this width."""
    mark, state_, *rest = _FIXED if width >= _ROOMY else _FIXED[:-1]
    fixed = sum(column.width + _PADDING for column in (mark, state_, *rest))
    name = max(_NAME, width - fixed - _PADDING - _SCROLLBAR)
    return [mark, state_, Column("run", "run", name), *rest]


def entry(app: App[Any], row: RunRow) -> ListEntry:
    """The row of a run."""
    job, look = row.job, job_states.look(row.job)
    if not job.in_config and job.state == "done":
        look = job_states.superseded_look(archived=row.is_archived)
    values = {
        "mark": row.shown.number if row.shown is not None else None,
        "state": look.word,
        "run": job.name,
        "steps": job.done,
        "loss": row.loss,
        "eta": job.eta_s if job.state == "running" else None,
    }
    return ListEntry(LaterCells(lambda: _cells(app, row, look)), f"{look.word} {job.name}", values)


def _cells(app: App[Any], row: RunRow, look: StateLook) -> Sequence[Text]:
    job, muted, shown = row.job, shade(app, "text-muted"), columns(row.width)
    name_width = next(column.width for column in shown if column.key == "run")
    steps = formats.UNKNOWN if job.total is None else f"{ticks.count(job.done or 0)}/{ticks.count(job.total)}"
    # A ring if the run is only drawn while it is selected.
    mark = "" if row.shown is None else f"{row.shown.number}{'●' if row.is_marked else '○'}"
    cells = {
        "mark": Text(mark, "" if row.shown is None else row.shown.colour),
        "state": Text(f"{look.glyph} {look.word}", shade(app, look.colour)),
        "run": Text(formats.shorten(visible(job.name), name_width)),
        "steps": Text(steps, muted),
        "loss": Text(formats.UNKNOWN if row.loss is None else ticks.number(row.loss)),
        "eta": Text(formats.duration(job.eta_s) if job.state == "running" else "", muted),
    }
    return [cells[column.key] for column in shown]
