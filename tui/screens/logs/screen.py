"""Logs: what each attempt at a job, and the supervisor, writes; followed, searched, filtered by level."""

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
from tui.components.keyed_table import Column
from tui.components.listing import Entry, Listing
from tui.components.theme import shade
from tui.components.workspace_screen import WorkspaceScreen
from tui.format import job_states
from tui.format import values as formats
from tui.format.text import visible
from tui.screens.logs.log_pane import LogPane

if TYPE_CHECKING:
    from core.api import Snapshot

#: The supervisor's key among the jobs'.
_SUPERVISOR = "(supervisor)"


@dataclass(frozen=True)
class _LogRow:
    """What is shown of a log's writer."""

    look: job_states.StateLook
    stage: str
    name: str
    attempt: int | None


class LogList(Listing[_LogRow]):
    """The logs, of which one is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "filter",
            "Filter",
            id="logs.filter",
            key_display="/",
            tooltip="Show only logs with these words; Esc shows all. In the log, / searches it",
        ),
    ]


class LogsScreen(WorkspaceScreen):
    """A list of logs above, the chosen one below."""

    MODE = "logs"
    ABOUT = (
        "What the background work says, attempt by attempt. Tab goes from the list to the log and back; / "
        "works on the one that has the keys: it filters the list, or searches the log."
    )
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "search",
            "Search",
            id="logs.search",
            key_display="/",
            tooltip="Search the log for words; capitals matter if there are some",
        ),
        Binding("n", "match(1)", "Next", id="logs.next", show=False, tooltip="The next match"),
        Binding("N", "match(-1)", "Previous", id="logs.previous", show=False, tooltip="The match before"),
        Binding("v", "level", "Level", id="logs.level", tooltip="All; without debug; warnings; errors alone"),
        Binding("e", "error", "Error", id="logs.error", tooltip="The last error; from there the one before"),
        Binding("f,end,G", "follow", "Follow", id="logs.follow", tooltip="Go to the end and follow it"),
        Binding("home,g", "first", "Beginning", id="logs.first", show=False, tooltip="The log's beginning"),
        Binding(
            "left_square_bracket",
            "attempt(-1)",
            "Older",
            key_display="[",
            id="logs.older",
            show=False,
            tooltip="The log of the attempt before",
        ),
        Binding(
            "right_square_bracket",
            "attempt(1)",
            "Newer",
            key_display="]",
            id="logs.newer",
            show=False,
            tooltip="The log of the next attempt",
        ),
        Binding("w", "wrap", "Wrap", id="logs.wrap", show=False, tooltip="Wrap long lines, or cut them"),
        Binding("y", "copy", "Copy", id="logs.copy", show=False, tooltip="Copy the record under the cursor"),
        Binding("Y", "copy_page", "Copy page", id="logs.copy_page", show=False, tooltip="Copy what is seen"),
        Binding("o", "path", "Path", id="logs.path", show=False, tooltip="Show and copy the file's path"),
        Binding("z", "zoom", "Zoom", id="logs.zoom", show=False, tooltip="The log alone, or the list too"),
        Binding("tab", "app.focus_next", "List or log", id="logs.focus", show=False, tooltip="List or log"),
    ]

    def __init__(self) -> None:
        super().__init__()
        #: The requested log, until it is in the list.
        self._wanted: str | None = None
        self._chosen: str | None = None
        self._attempt = 0
        #: Whether one came to the log from the list, and not from another screen.
        self._is_from_list = True

    def body(self) -> ComposeResult:
        yield LogList(
            id="logs", draw=self._draw, words="words in the rows: a state, a stage, a name", opens="Log"
        )
        yield LogPane(id="pane")

    def on_mount(self) -> None:
        self._list.enter()

    def follow(self, job: str | None) -> None:
        """Show the log of a job, the supervisor's for None: its end, or the error that a job failed with."""
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
        # The cursor may be elsewhere by now.
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
        """Undo what was done in the log; then go back to the list, or to the screen it was opened from."""
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

    def _draw(self, row: _LogRow) -> Entry:
        muted = shade(self.app, "text-muted")
        cells: Sequence[Text] = (
            Text(f"{row.look.glyph} {row.look.word}", shade(self.app, row.look.colour)),
            Text(visible(row.stage), muted),
            Text(formats.shorten(visible(row.name), max(20, self.size.width - 32))),
            Text("" if row.attempt is None else str(row.attempt), muted),
        )
        return Entry(cells, f"{row.look.word} {row.stage} {row.name}", {"state": row.look.word})


def _supervisor(snapshot: Snapshot) -> job_states.StateLook:
    if snapshot.supervisor.running:
        return job_states.StateLook("●", "running", "text-success")
    return job_states.StateLook("○", "idle", "text-muted")
