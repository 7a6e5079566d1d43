"""Win rates: all comparisons with intervals, the matrix, the ranking, the recipes, and the judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from tui.components.workspace_screen import WorkspaceScreen
from tui.navigation.bindings import verb
from tui.navigation.messages import OpenBallot
from tui.runtime.login import login_name
from tui.screens.win_rates.table.table_view import RatesView
from tui.screens.win_rates.view import WinRatesView

if TYPE_CHECKING:
    from core.api import Job, PredictionPoweredWinRate, Snapshot, WinRate
    from tui.screens.win_rates.detail_view import DetailView


def _detail() -> DetailView:
    from tui.screens.win_rates.detail_view import DetailView

    return DetailView()


def _matrix() -> WinRatesView:
    from tui.screens.win_rates.matrix_view import MatrixView

    return MatrixView()


def _ranking() -> WinRatesView:
    from tui.screens.win_rates.ranking_view import RankingView

    return RankingView()


def _recipes() -> WinRatesView:
    from tui.screens.win_rates.recipes_view import RecipesView

    return RecipesView()


def _judges() -> WinRatesView:
    from tui.screens.win_rates.judges_view import JudgesView

    return JudgesView()


#: Name → factory of the view, called when it is first opened.
_VIEWS: dict[str, Callable[[], WinRatesView]] = {
    "detail": _detail,
    "matrix": _matrix,
    "ranking": _ranking,
    "recipes": _recipes,
    "judges": _judges,
}


class WinRatesScreen(WorkspaceScreen):
    """Shows the table, one comparison, the matrix, the ranking, the recipes or the judges."""

    MODE = "win_rates"
    ABOUT = (
        "How often B's response beats A's over the test dialogues, with a 95 % interval; every metric of one "
        "comparison, the matrix of all responders, their ranking, recipes, and the quality of the judges."
    )
    CSS_PATH = "win_rates.tcss"
    WHEN_EMPTY = frozenset(
        {
            *("view('matrix')", "view('ranking')", "view('recipes')", "view('judges')"),
            *("superseded", "app.validate_judge", "app.report"),
        }
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "detail", "Detail", id="win_rates.detail", tooltip="Show all metrics of the comparison"),
        Binding(
            "M",
            "view('matrix')",
            "Matrix",
            id="win_rates.matrix",
            tooltip="Show win rates of all responders",
        ),
        Binding(
            "R",
            "view('ranking')",
            "Ranking",
            id="win_rates.ranking",
            tooltip="Show the ranking of responders",
        ),
        Binding(
            "B",
            "view('recipes')",
            "Recipes",
            id="win_rates.recipes",
            # The footer has no space for it at 80 columns; the help has it.
            show=False,
            tooltip="Show the win rates of recipes, by dimension",
        ),
        Binding(
            "s",
            "superseded",
            "Superseded",
            id="win_rates.superseded",
            show=False,
            tooltip="Show comparisons of superseded runs and judges in the table, or hide them",
        ),
        Binding(
            "J", "view('judges')", "Judges", id="win_rates.judges", tooltip="Show the quality of the judges"
        ),
        Binding(
            "A",
            "app.validate_judge",
            "Validate",
            id="win_rates.validate",
            show=False,
            tooltip="Measure how often a judge agrees with people's ratings",
        ),
        Binding(
            "V",
            "vote",
            "Vote",
            id="win_rates.vote",
            show=False,
            tooltip="Vote on the responders of the comparison, blind",
        ),
        verb("export", "app.report", id="win_rates.export", tooltip="Write a report: page, tables, plots"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rates: tuple[WinRate, ...] = ()
        #: Whether they are read.
        self._is_read = False
        #: Those of the configuration and those that other settings superseded; empty until they are shown.
        self._all_rates: tuple[WinRate, ...] = ()
        self._shows_superseded = False
        self._with_votes: dict[str, PredictionPoweredWinRate] = {}
        self._view: WinRatesView = RatesView()

    def body(self) -> ComposeResult:
        with Container(id="views"):
            yield self._view

    def on_mount(self) -> None:
        self._view.enter()

    def on_screen_resume(self) -> None:
        for view in self.query(WinRatesView):
            view.stale()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("win rates", lambda workspace: workspace.evaluation.win_rates(), self._receive)
        if self._shows_superseded:
            self._read_superseded()
        # After the table, because its calculation takes longer.
        self.app.read(
            "win rates by people",
            lambda workspace: workspace.evaluation.prediction_powered(),
            self._receive_votes,
        )

    def action_detail(self) -> None:
        from tui.screens.win_rates.detail_view import DetailView

        rate = self._view.rate
        if rate is None:
            self.app.show_lack("no comparison is selected", reading=None if self._is_read else "win rates")
            return
        view = self._open("detail")
        assert isinstance(view, DetailView)
        view.choose(rate.job)

    def action_superseded(self) -> None:
        self._shows_superseded = not self._shows_superseded
        if self._shows_superseded:
            self._read_superseded()
        else:
            self._all_rates = ()
            self._draw()

    def action_vote(self) -> None:
        rate = self._view.rate
        if rate is None:
            self.app.show_lack("no comparison is selected", reading=None if self._is_read else "win rates")
        else:
            self.app.post_message(OpenBallot(rate.a, rate.b, login_name()))

    def action_view(self, name: str) -> None:
        self._open(name).stale()

    def step_back(self) -> None:
        if self._view.back():
            return
        if self._view.id == "table":
            super().step_back()
        else:
            self._open("table")

    def _open(self, name: str) -> WinRatesView:
        """Show this view and hide the others."""
        found = self.query(WinRatesView).filter(f"#{name}")
        self._view = found.first() if found else _VIEWS[name]()
        if not found:
            self.query_one("#views").mount(self._view)
        for view in self.query(WinRatesView):
            view.display = view is self._view
        # After its mount, if it opens for the first time.
        self._view.call_after_refresh(self._enter)
        return self._view

    def _enter(self) -> None:
        self._view.enter()
        self._draw()

    def _receive(self, found: tuple[WinRate, ...]) -> None:
        self._rates, self._is_read = found, True
        self._draw()

    def _read_superseded(self) -> None:
        self.app.read(
            "superseded win rates",
            lambda workspace: workspace.evaluation.all_win_rates(),
            self._receive_superseded,
        )

    def _receive_superseded(self, found: tuple[WinRate, ...]) -> None:
        if len(found) == len(self._rates):
            self.app.show_message("there are no comparisons of superseded runs or judges")
            self._shows_superseded = False
        else:
            self._all_rates = found if self._shows_superseded else ()
        self._draw()

    def _receive_votes(self, found: tuple[PredictionPoweredWinRate, ...]) -> None:
        with_votes = {one.job: one for one in found}
        if with_votes != self._with_votes:
            self._with_votes = with_votes
            self._draw()

    def _draw(self) -> None:
        self.set_has_nothing(self._is_read and not self._rates and not self._all_rates)
        snapshot = self.app.snapshot
        jobs: dict[str, Job] = {} if snapshot is None else {job.id: job for job in snapshot.jobs}
        self._view.with_votes = self._with_votes
        # The others compute from the configuration's comparisons.
        has_all = self._all_rates and self._view.id in ("table", "detail")
        if self._view.is_mounted:
            self._view.show(self._all_rates if has_all else self._rates, jobs)
