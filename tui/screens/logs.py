"""Logs: what a job's newest attempt, or the supervisor, writes; followed, or paged through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Log, Static

from tui import format as figures
from tui import state
from tui.screens.base import RoomScreen
from tui.text import visible
from tui.theme import shade
from tui.widgets.keyed_table import Column, KeyedTable

if TYPE_CHECKING:
    from core.api import LogChunk, Snapshot

#: Bytes that are read at once: enough for some screens, and shown without a pause.
PAGE = 64_000
#: Lines that are kept while following.
_LINES = 5_000
_LOOK_S = 0.5
#: The supervisor's key among the jobs'.
_SUPERVISOR = "(supervisor)"


class LogsScreen(RoomScreen):
    """A list of logs above, the chosen one below."""

    ROOM = "logs"
    ABOUT = "What the background work says: a job's newest attempt, or the supervisor."
    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "earlier", "Earlier", key_display="[", id="logs.earlier"),
        Binding("right_square_bracket", "later", "Later", key_display="]", id="logs.later"),
        Binding("b", "first", "Beginning", id="logs.first", tooltip="Show the log's beginning"),
        Binding("f", "follow", "Follow", id="logs.follow", tooltip="Go to the end and follow it"),
        Binding("tab", "app.focus_next", "List or log", id="logs.focus", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._wanted: str | None = None
        self._chosen: str | None = None
        self._attempt = 0
        self._page: tuple[int, int, int] = (0, 0, 0)
        self._following = True

    def body(self) -> ComposeResult:
        yield KeyedTable(id="logs")
        yield Static(id="about-log", markup=False)
        yield Log(id="log", max_lines=_LINES)

    def on_mount(self) -> None:
        self.query_one("#logs").focus()
        self.set_interval(_LOOK_S, self._look)

    def follow(self, job: str | None) -> None:
        """Choose the log of a job, or the supervisor's for None, and follow it."""
        self._wanted = job or _SUPERVISOR
        self._choose_wanted()

    def on_resize(self, event: Resize) -> None:
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        table = self.query_one(KeyedTable)
        name = max(20, self.size.width - 11 - 8 - 4 - 9)
        table.set_columns(
            [
                Column("state", "state", 11),
                Column("stage", "stage", 8),
                Column("name", "log", name),
                Column("attempt", "try", 4, "right"),
            ]
        )
        muted = shade(self.app, "text-muted")
        running = snapshot.supervisor.running
        rows = {
            _SUPERVISOR: [
                Text("● running", shade(self.app, "text-success")) if running else Text("○ idle", muted),
                Text(""),
                Text("supervisor"),
                Text(""),
            ]
        }
        for job in snapshot.jobs:
            if job.attempt:
                look = state.look(job)
                rows[job.id] = [
                    Text(f"{look.glyph} {look.word}", shade(self.app, look.colour)),
                    Text(visible(job.stage), muted),
                    Text(figures.shorten(visible(job.name), name)),
                    Text(str(job.attempt), muted),
                ]
        table.put(rows)
        self._choose_wanted()
        chosen = state.find(snapshot, self._chosen)
        if chosen is not None and chosen.attempt != self._attempt:
            self._open(chosen.id)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        key = event.row_key.value
        if key is not None and key != self._chosen and self._wanted is None:
            self._open(key)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.query_one(Log).focus()

    def action_earlier(self) -> None:
        start = self._page[0]
        if start == 0:
            self.app.tell("this is the log's beginning")
        else:
            self._read(max(0, start - PAGE), following=False)

    def action_later(self) -> None:
        if self._following:
            self.app.tell("this is the log's end; what comes is shown")
        elif self._page[1] >= self._page[2]:
            self.action_follow()
        else:
            self._read(self._page[1], following=False)

    def action_first(self) -> None:
        self._read(0, following=False)

    def action_follow(self) -> None:
        self._read(None, following=True)

    def step_back(self) -> None:
        if self.query_one(Log).has_focus:
            self.query_one(KeyedTable).focus()
        else:
            super().step_back()

    def _choose_wanted(self) -> None:
        """Move to the log that was asked for, once it is in the list."""
        if self._wanted is None or not self.is_mounted:
            return
        if self.query_one(KeyedTable).select(self._wanted):
            wanted, self._wanted = self._wanted, None
            self._open(wanted)

    def _open(self, key: str) -> None:
        self._chosen = key
        job = state.find(self.app.snapshot, key)
        self._attempt = job.attempt if job is not None else 0
        self.action_follow()

    @property
    def _job(self) -> str | None:
        return None if self._chosen in (None, _SUPERVISOR) else self._chosen

    def _read(self, start: int | None, *, following: bool) -> None:
        """Show the log anew from byte `start`, or its end for None."""
        self._following = following
        job = self._job
        self.app.read("log", lambda reader: reader.log(job, start, PAGE), self._show_page)

    def _look(self) -> None:
        """Ask for what has come since the last look."""
        if not (self._following and self.is_current and self._chosen is not None):
            return
        job, end = self._job, self._page[1]
        self.app.read("log", lambda reader: reader.log(job, end, PAGE), partial(self._append, end))

    def _show_page(self, chunk: LogChunk) -> None:
        log = self.query_one(Log)
        log.clear()
        text = chunk.text
        if chunk.start > 0:
            # It begins somewhere within a line.
            text = text.partition("\n")[2] or text
        log.auto_scroll = self._following
        log.write(_lines(text), scroll_end=self._following)
        if not self._following:
            log.scroll_home(animate=False)
        self._page = (chunk.start, chunk.end, chunk.size)
        self._describe()

    def _append(self, expected: int, chunk: LogChunk) -> None:
        if chunk.start < expected:
            # The file is shorter than it was: another one has taken its place.
            self.action_follow()
            return
        if chunk.text:
            self.query_one(Log).write(_lines(chunk.text))
        self._page = (self._page[0], chunk.end, chunk.size)
        self._describe()
        if chunk.end < chunk.size:
            self._look()

    def _describe(self) -> None:
        start, end, size = self._page
        if size == 0:
            text = Content.styled("empty so far: what comes is shown here", "$text-muted")
        elif self._following:
            text = Content.assemble(
                ("● following", "$text-accent"), (f"  {figures.size(size)}", "$text-muted")
            )
        else:
            text = Content.assemble(
                ("‖ not following", "$text-warning"),
                (f"  bytes {start:,} to {end:,} of {size:,}; f follows the end", "$text-muted"),
            )
        self.query_one("#about-log", Static).update(text)


def _lines(text: str) -> str:
    """What may be shown; a progress bar's returns are line breaks."""
    return visible(text.replace("\r\n", "\n").replace("\r", "\n"), lines=True)
