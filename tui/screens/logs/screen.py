"""Logs of jobs' attempts and the supervisor: follow, search, filter by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import DescendantFocus, Resize
from textual.widgets import DataTable

from core.api import find_job
from tui.components.listing import ListEntry, Listing
from tui.components.table_cells import Column, LaterCells
from tui.components.theme import shade
from tui.components.workspace_screen import WorkspaceScreen
from tui.format import values as formats
from tui.format.jobs import job_states
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.logs.log_pane import LogPane

if TYPE_CHECKING:
    from core.api import Snapshot

#: The supervisor's key among the jobs'.
_SUPERVISOR = "(supervisor)"


@dataclass(frozen=True)
class _LogRow:
    """The row of a log."""

    look: job_states.StateLook
    stage: str
    name: str
    attempt: int | None


class LogList(Listing[_LogRow]):
    """The list of logs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        verb(
            "search",
            "filter",
            id="logs.filter",
            tooltip="Show only logs with these words, or search the log that has the focus",
            show=True,
        ),
    ]


class LogsScreen(WorkspaceScreen):
    """A list of logs above, the selected one below."""

    MODE = "logs"
    ABOUT = (
        "Logs of background jobs by attempt. The key of Search works on the list or the log, whichever has "
        "the focus: it filters the list or searches the log."
    )
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        verb(
            "search",
            "search",
            id="logs.search",
            tooltip="Search the log; case-sensitive with capitals",
            show=True,
        ),
        verb("next", "match(1)", id="logs.next", tooltip="Next match"),
        verb("previous", "match(-1)", id="logs.previous", tooltip="Previous match"),
        Binding(
            "v",
            "level",
            "Level",
            id="logs.level",
            tooltip="All levels; no debug; warnings and errors; errors",
        ),
        Binding(
            "exclamation_mark",
            "error",
            "Error",
            id="logs.error",
            key_display="!",
            tooltip="Last error; from an error the previous one",
        ),
        Binding("F,end,G", "follow", "Follow", id="logs.follow", tooltip="Go to the end and follow it"),
        Binding(
            "home,g",
            "first",
            "Beginning",
            id="logs.first",
            show=False,
            tooltip="Go to the beginning of the log",
        ),
        Binding(
            "left_square_bracket",
            "attempt(-1)",
            "Older",
            key_display="[",
            id="logs.older",
            show=False,
            tooltip="Log of the previous attempt",
        ),
        Binding(
            "right_square_bracket",
            "attempt(1)",
            "Newer",
            key_display="]",
            id="logs.newer",
            show=False,
            tooltip="Log of the next attempt",
        ),
        Binding("w", "wrap", "Wrap", id="logs.wrap", show=False, tooltip="Wrap or cut long lines"),
        verb("copy", "copy", id="logs.copy", tooltip="Copy the record under the cursor"),
        Binding(
            "Y", "copy_page", "Copy page", id="logs.copy_page", show=False, tooltip="Copy the visible lines"
        ),
        verb("related", "path", title="Path", id="logs.path", tooltip="Show and copy the file's path"),
        Binding(
            "z", "zoom", "Zoom", id="logs.zoom", show=False, tooltip="Maximize the log, or show the list too"
        ),
        Binding("tab", "app.focus_next", "List or log", id="logs.focus", show=False, tooltip="List or log"),
    ]

    def __init__(self) -> None:
        super().__init__()
        #: The requested log while it is not in the list yet.
        self._wanted: str | None = None
        self._chosen: str | None = None
        self._attempt = 0
        #: Whether the log was opened from the list, not from another screen.
        self._is_from_list = True

    def body(self) -> ComposeResult:
        yield LogList(
            id="logs", draw=self._draw, words="words to filter by: a state, a stage, a name", opens="Log"
        )
        yield LogPane(id="pane")

    def on_mount(self) -> None:
        self._list.enter()

    def follow(self, job: str | None) -> None:
        """Show the log of a job, the supervisor's for None: its end, or a failed job's error."""
        self._wanted = job or _SUPERVISOR
        self._choose_wanted()

    def on_resize(self, event: Resize) -> None:
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        name = max(20, self.size.width - 11 - 8 - 4 - 9)
        columns = [
            Column("state", "state", 11),
            Column("stage", "stage", 8),
            Column("name", "log", name),
            Column("attempt", "try", 4, "right"),
        ]
        rows = {_SUPERVISOR: _LogRow(_supervisor(snapshot), "", "supervisor", None)}
        rows |= {
            job.id: _LogRow(job_states.look(job), job.stage, job.name, job.attempt)
            for job in snapshot.jobs
            if job.attempt
        }
        self._list.show(columns, rows)
        self._choose_wanted()
        chosen = find_job(snapshot, self._chosen)
        if chosen is not None and chosen.attempt != self._attempt and self._pane.shows_newest:
            self._open(chosen.id)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        # The cursor may have moved meanwhile.
        key = self._list.selected_key
        if key is not None and key != self._chosen and self._wanted is None:
            self._open(key)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._is_from_list = self._is_from_list or not self._pane.has_focus_within

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self._pane.view.focus()

    def action_search(self) -> None:
        self._pane.ask_for_words()

    def action_match(self, by: int) -> None:
        self._pane.go_to_match(by)

    def action_level(self) -> None:
        self._pane.next_level()

    def action_error(self) -> None:
        self._pane.go_to_error()

    def action_follow(self) -> None:
        self._pane.follow()

    def action_first(self) -> None:
        self._pane.go_to_beginning()

    def action_attempt(self, by: int) -> None:
        self._pane.go_to_attempt(by)

    def action_wrap(self) -> None:
        self._pane.toggle_wrap()

    def action_copy(self) -> None:
        self._pane.copy_record()

    def action_copy_page(self) -> None:
        self._pane.copy_page()

    def action_path(self) -> None:
        self._pane.copy_path()

    def action_zoom(self) -> None:
        self._list.display = not self._list.display
        if not self._list.display:
            self._pane.view.focus()

    def action_back(self) -> None:
        """Clear the log's search; then go back to the list, or to the previous screen."""
        if self._pane.has_focus_within and self._pane.back():
            return
        if self._pane.has_focus_within and self._is_from_list:
            self._list.display = True
            self._list.enter()
        else:
            super().action_back()

    @property
    def _list(self) -> LogList:
        return self.query_one(LogList)

    @property
    def _pane(self) -> LogPane:
        return self.query_one(LogPane)

    def _choose_wanted(self) -> None:
        """Move to the requested log, once it is in the list."""
        wanted = self._wanted
        if wanted is None or not self.is_mounted:
            return
        if self._list.select(wanted) or (self._list.back() and self._list.select(wanted)):
            self._wanted = None
            self._open(wanted)
            job = find_job(self.app.snapshot, wanted)
            if job is not None and job.state == "failed":
                self._pane.go_to_error()
            self._is_from_list = False
            self._pane.view.focus()

    def _open(self, key: str) -> None:
        self._chosen = key
        job = find_job(self.app.snapshot, key)
        self._attempt = job.attempt if job is not None else 0
        self._pane.open(None if key == _SUPERVISOR else key)

    def _cells(self, row: _LogRow) -> Sequence[Text]:
        muted = shade(self.app, "text-muted")
        return (
            Text(f"{row.look.glyph} {row.look.word}", shade(self.app, row.look.colour)),
            Text(visible(row.stage), muted),
            Text(formats.shorten(visible(row.name), max(20, self.size.width - 32))),
            Text("" if row.attempt is None else str(row.attempt), muted),
        )

    def _draw(self, row: _LogRow) -> ListEntry:
        return ListEntry(
            LaterCells(lambda: self._cells(row)),
            f"{row.look.word} {row.stage} {row.name}",
            {
                "state": row.look.word,
                "stage": row.stage or None,
                "name": row.name,
                "attempt": row.attempt,
            },
        )


def _supervisor(snapshot: Snapshot) -> job_states.StateLook:
    if snapshot.supervisor.running:
        return job_states.StateLook("●", "running", "text-success")
    return job_states.StateLook("○", "idle", "text-muted")
