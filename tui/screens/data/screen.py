"""Data: the imported dialogues and their statistics."""

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
    from tui.screens.data.statistics_view import StatisticsView

_DataState = tuple["ImportedData | None", dict[str, int]] | None


class DataScreen(WorkspaceScreen):
    """Shows the dialogues or their statistics."""

    MODE = "data"
    ABOUT = "The imported dialogues with their rated responses, statistics, and the size of each recipe."
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "Statistics", id="data.view", tooltip="Show statistics or dialogues"),
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
        self._imported: ImportedData | None = None

    def body(self) -> ComposeResult:
        with Container(id="views"):
            yield self._dialogues

    def on_mount(self) -> None:
        self._dialogues.enter()

    def seek(self, dialog_id: str) -> None:
        """Show a dialogue."""
        self._open(statistics=False)
        self._dialogues.seek(dialog_id)

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("data", partial(_look, self._imported), self._receive)
        if self._statistics is not None and self._statistics.display:
            self._statistics.read(snapshot.dialogues)

    def action_view(self) -> None:
        self._open(statistics=self._dialogues.display)

    def step_back(self) -> None:
        if not self._dialogues.display:
            self._open(statistics=False)
        elif not self._dialogues.back():
            super().step_back()

    def _open(self, *, statistics: bool) -> None:
        """Show the statistics, or the dialogues."""
        if statistics and self._statistics is None:
            from tui.screens.data.statistics_view import StatisticsView

            self._statistics = StatisticsView()
            self.query_one("#views").mount(self._statistics)
        view = self._statistics if statistics and self._statistics is not None else self._dialogues
        for each in (self._dialogues, self._statistics):
            if each is not None:
                each.display = each is view
        # After its mount, if it opens for the first time.
        view.call_after_refresh(self._enter)

    def _enter(self) -> None:
        if self._statistics is not None and self._statistics.display:
            self._statistics.enter()
            if self.app.snapshot is not None:
                self._statistics.read(self.app.snapshot.dialogues)
        else:
            self._dialogues.enter()

    def _receive(self, seen: _DataState) -> None:
        if seen is not None:
            self._imported, emotions = seen
            sources = () if self._imported is None else ("human", *self._imported.sources)
            self._dialogues.read(sources, emotions)


def _look(known: ImportedData | None, workspace: Workspace) -> _DataState:
    """The imported data and the dialogues per emotion; None if the data is already `known`."""
    imported = workspace.data.imported()
    return (
        None if imported is not None and imported == known else (imported, workspace.data.browser.emotions())
    )
