"""The text below the charts: the cursor's position, the legend, and problems of the selected run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.screens.training.runs import run_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.api import Curves, Job
    from tui.screens.training.charts.curve_view import Drawing
    from tui.screens.training.charts.run_marks import DrawnRun


class Caption(Vertical):
    """One line for the cursor's position, and as many more as there is to say."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._more: Sequence[Content] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="place", markup=False)
        more = Static(id="more", markup=False)
        more.display = False
        yield more

    def show(
        self,
        drawing: Drawing | None,
        curves: Curves | None,
        x: float | None,
        job: Job | None,
        runs: Sequence[DrawnRun],
        names: Mapping[str, str] | None,
    ) -> None:
        """Show the position `x` of the cursor on `curves`, and problems of the selected `job`.

        `names`, by job, are for a legend of the drawn `runs`; None shows none.
        """
        place = None if drawing is None or curves is None else run_text.place_line(drawing, curves, x, job)
        # Always one line, so that its updates at every step need no layout.
        self.query_one("#place", Static).update(place or Content(""), layout=False)
        lines = []
        if names is not None and drawing is not None:
            lines += run_text.legend(drawing, runs, names, x)
        if job is not None:
            trouble = run_text.trouble(job, is_drawn=job.id in {run.job for run in runs})
            lines += [] if trouble is None else [trouble]
            lines += run_text.warnings(job)
        if len(lines) != len(self._more) or not all(map(Content.is_same, lines, self._more)):
            self._more = lines
            more = self.query_one("#more", Static)
            more.display = bool(lines)
            more.update(Content("\n").join(lines))
