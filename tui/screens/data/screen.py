"""Data: the imported dialogues, their statistics, and the flaws of what teachers wrote."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from tui.components.workspace_screen import WorkspaceScreen
from tui.navigation.bindings import verb
from tui.screens.data.dialogues_view import DialoguesView

if TYPE_CHECKING:
    from core.api import ImportedData, Snapshot, Workspace
    from tui.navigation.host import ConfigPlace
    from tui.screens.data.flaws_view import FlawsView
    from tui.screens.data.statistics_view import StatisticsView

_DataState = tuple["ImportedData | None", dict[str, int]] | None


class DataScreen(WorkspaceScreen):
    """Shows the dialogues, their statistics, or the flaws of teachers' responses."""

    MODE = "data"
    ABOUT = (
        "The imported dialogues with their rated responses, statistics, the size of each recipe, and what "
        "may be wrong with teachers' responses."
    )
    CSS_PATH = "data.tcss"
    WHEN_EMPTY = frozenset({"view"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "View", id="data.view", tooltip="Dialogues, statistics, or flaws of responses"),
        verb(
            "export",
            "app.export_training_data",
            id="data.export",
            tooltip="Write the recipes' training data for LLaMA-Factory",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._dialogues = DialoguesView()
        #: None until it is first opened.
        self._statistics: StatisticsView | None = None
        self._flaws: FlawsView | None = None
        self._imported: ImportedData | None = None

    def body(self) -> ComposeResult:
        with Container(id="views"):
            yield self._dialogues

    def on_mount(self) -> None:
        self._dialogues.enter()

    def seek(self, dialog_id: str) -> None:
        """Show a dialogue."""
        self._open(self._dialogues)
        self._dialogues.seek(dialog_id)

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("data", partial(_look, self._imported), self._receive)
        if self._statistics is not None and self._statistics.display:
            self._statistics.read(snapshot.dialogues)
        if self._flaws is not None and self._flaws.display:
            self._flaws.read()

    @property
    def has_nothing(self) -> bool:
        flaws = self._flaws
        return super().has_nothing or (flaws is not None and flaws.display and flaws.has_nothing)

    def config_place(self) -> ConfigPlace | None:
        return ("recipes.leave_out", None) if self._shown is self._flaws else None

    def action_view(self) -> None:
        if self._shown is self._dialogues:
            self._open(self._statistics or self._make_statistics())
        elif self._shown is self._statistics:
            self._open(self._flaws or self._make_flaws())
        else:
            self._open(self._dialogues)

    def step_back(self) -> None:
        if self._shown.back():
            return
        if self._shown is self._dialogues:
            super().step_back()
        else:
            self._open(self._dialogues)

    @property
    def _shown(self) -> DialoguesView | StatisticsView | FlawsView:
        """The view that is on the screen."""
        views = (self._statistics, self._flaws)
        return next((view for view in views if view is not None and view.display), self._dialogues)

    def _make_statistics(self) -> StatisticsView:
        from tui.screens.data.statistics_view import StatisticsView

        self._statistics = StatisticsView()
        self.query_one("#views").mount(self._statistics)
        return self._statistics

    def _make_flaws(self) -> FlawsView:
        from tui.screens.data.flaws_view import FlawsView

        self._flaws = FlawsView()
        self.query_one("#views").mount(self._flaws)
        return self._flaws

    def _open(self, view: DialoguesView | StatisticsView | FlawsView) -> None:
        """Show a view, and give it the focus."""
        for each in (self._dialogues, self._statistics, self._flaws):
            if each is not None:
                each.display = each is view
        # After its mount, if it opens for the first time.
        view.call_after_refresh(self._enter)

    def _enter(self) -> None:
        self._shown.enter()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def _receive(self, seen: _DataState) -> None:
        if seen is not None:
            self._imported, emotions = seen
            self.set_has_nothing(not emotions)
            sources = () if self._imported is None else ("human", *self._imported.sources)
            self._dialogues.read(sources, emotions)


def _look(known: ImportedData | None, workspace: Workspace) -> _DataState:
    """The imported data and the dialogues per emotion; None if the data is already `known`."""
    imported = workspace.data.imported()
    return (
        None if imported is not None and imported == known else (imported, workspace.data.browser.emotions())
    )
