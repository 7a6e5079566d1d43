"""The panels of the home screen: stages, jobs, attention items, leaders, runs, machine, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Click, Resize
from textual.widgets import Static

from tui.components.auto_height_text import AutoHeightText
from tui.components.measured_column import MeasuredColumn
from tui.format.text import visible
from tui.navigation.messages import OpenJob, OpenPairs, OpenScreen, OpenStage
from tui.screens.home import attention
from tui.screens.home.attention import AttentionItem
from tui.screens.home.attention_list import AttentionList
from tui.screens.home.leader_lines import leader_lines
from tui.screens.home.machine_lines import machine_lines
from tui.screens.home.stage_graph import stage_graph
from tui.screens.home.stages import stages
from tui.screens.home.work_lines import event_lines, has_waiting, run_lines, running_lines, waiting_lines

if TYPE_CHECKING:
    from textual import getters

    from core.api import Event, Forecast, JobCounts, Machine, SlotUse, Snapshot, Spending, WinRate
    from tui.navigation.host import HostApp

#: The panels have two columns from this width on, three from the other.
WIDE, WIDEST = 120, 180
#: Below this height the panels have no borders.
_TALL = 30
#: The number of lines of running jobs.
_PLACES = 8
#: The lines of leaders where other panels are in the same column, in a low and in a tall terminal.
_FEW, _LINES = 6, 12
#: Above this height three columns have room for whole names and reasons.
_TALLER = 40
#: The lines that other panels must leave then to those of what waits and of runs.
_MIN_MORE = 3
#: The number of lines of events, at least; and where they are in the column of the leaders.
_EVENTS, _MIN_EVENTS = 14, 6


@dataclass(frozen=True)
class HomeData:
    """Data that the snapshot lacks; None if it is not read yet."""

    forecast: Forecast | None = None
    spending: Spending | None = None
    events: Sequence[Event] | None = None
    rates: tuple[WinRate, ...] | None = None
    machine: Machine | None = None
    superseded: int = 0
    """Trained runs of earlier settings that are not archived."""


class HomePanels(VerticalScroll, can_focus=False):
    """One to three columns, as the terminal is wide."""

    DEFAULT_CSS: ClassVar[str] = """
    HomePanels {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        MeasuredColumn { height: auto; }
        .panel {
            height: auto;
            padding: 0 1;
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            /* Its lines are as wide as the panel, and may be measured for a cell less. */
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        #right { height: auto; layout: vertical; }
        .below { display: none; }
        &.wide { layout: horizontal; }
        /* The panel of leaders is mostly the longest one: the other column has room. */
        &.wide .below { display: block; }
        &.wide .beside { display: none; }
        &.under #lately-below, &.under #machine, &.widest .below { display: none; }
        &.under .beside { display: block; }
        &.widest .beside { display: block; }
        &.wide > MeasuredColumn, &.wide > #right { width: 1fr; }
        &.widest > #right { width: 2fr; layout: horizontal; }
        &.widest > #right > MeasuredColumn { width: 1fr; }
        &.low {
            .roomy { display: none; }
            .panel { border: none; }
        }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: Snapshot | None = None
        self._counts: Mapping[str, JobCounts] = {}
        self._data = HomeData()
        #: What the leaders were drawn from.
        self._ranked: object = None
        #: Panel → the width of its lines, and the number of line breaks.
        self._sizes: dict[str, tuple[int, int]] = {}

    def compose(self) -> ComposeResult:
        with MeasuredColumn():
            yield AutoHeightText(id="stages", classes="panel")
            yield AutoHeightText(id="running", classes="panel roomy")
            yield AttentionList(id="needs", classes="panel")
            yield AutoHeightText(id="next", classes="panel")
            yield AutoHeightText(id="machine-below", classes="panel below")
            yield AutoHeightText(id="lately-below", classes="panel roomy below")
        with Container(id="right"):
            with MeasuredColumn():
                yield AutoHeightText(id="leaders", classes="panel")
                yield AutoHeightText(id="runs", classes="panel")
            with MeasuredColumn(classes="beside"):
                yield AutoHeightText(id="machine", classes="panel")
                yield AutoHeightText(id="lately", classes="panel roomy")

    def on_mount(self) -> None:
        # Before the first layout: what is drawn for another number of columns may keep its height.
        self._set_columns()
        # Shown once there is something for them, and room.
        self.query_one("#next").display = self.query_one("#runs").display = False

    def on_resize(self, event: Resize) -> None:
        self._set_columns()
        # The set of visible panels changes.
        self.call_after_refresh(self._draw)

    def _set_columns(self) -> None:
        """Have as many columns, and such borders, as the terminal has room for."""
        self.set_class(self.app.size.width >= WIDE, "wide")
        self.set_class(self.app.size.width >= WIDEST, "widest")
        self.set_class(self.app.size.height < _TALL, "low")
        self.set_class(self.app.size.width >= WIDEST and self.app.size.height > _TALLER, "tallest")

    def on_click(self, event: Click) -> None:
        """A click on a line opens what it shows."""
        meta = event.style.meta
        if "job" in meta:
            self.app.post_message(OpenJob(meta["job"]))
        elif "stage" in meta:
            self.app.post_message(OpenStage(meta["stage"]))
        elif "a" in meta:
            self.app.post_message(OpenPairs(meta["a"], meta["b"]))
        elif event.widget is not None and event.widget.id == "stages":
            self.app.post_message(OpenScreen("pipeline"))

    def on_measured_column_widened(self, event: MeasuredColumn.Widened) -> None:
        event.stop()
        self._draw()

    def show(self, snapshot: Snapshot, counts: Mapping[str, JobCounts], data: HomeData) -> None:
        """Show a snapshot with the counts of its jobs by stage, and what it lacks."""
        self._snapshot, self._counts, self._data = snapshot, counts, data
        self._draw()

    def show_machine(self, data: HomeData) -> None:
        """Show the load of the machine, which no snapshot has."""
        self._data, room = data, self._events_room
        self._place_events()
        self._draw_machine()
        if self._snapshot is not None and room != self._events_room:
            self._draw_work(self._snapshot)

    @property
    def item(self) -> AttentionItem | None:
        """The item under the cursor."""
        return self._attention.item

    @property
    def _attention(self) -> AttentionList:
        return self.query_one(AttentionList)

    @property
    def _is_low(self) -> bool:
        return self.has_class("low")

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        # Without a size, nothing has a width yet; the columns report theirs.
        if self._snapshot is None or not self.is_mounted or not self.size:
            return
        self._draw_stages(self._snapshot)
        self._draw_items(self._snapshot)
        room = self._leaders_room
        wanted = (self._data.rates, self._width("leaders"), room)
        # Most snapshots bring no other rates, and sorting thousands of them takes long.
        if wanted != self._ranked:
            self._ranked = wanted
            if self._data.rates is None:
                found = Content.styled("reading the win rates …", "$text-muted")
            else:
                found = leader_lines(self._data.rates, self._width("leaders"), room)
            self._put("leaders", "Who wins", found)
        self._place_events()
        self._draw_machine()
        if not self._is_low:
            self._draw_work(self._snapshot)

    def _put(self, panel: str, title: str, body: Content, note: str = "") -> None:
        """Redraw a panel if it differs; its title is on its border, if it has one."""
        shown = self.query_one(f"#{panel}")
        if self._is_low:
            note = f"  {note}" if note else ""
            body = Content.assemble((title, "bold"), (note, "$text-muted"), "\n", body)
        elif (shown.border_title, shown.border_subtitle) != (title, note):
            shown.border_title, shown.border_subtitle = title, note
        self._update(panel, body)

    def _update(self, panel: str, text: Content) -> None:
        """Update a text if it differs; avoids a layout, which is slower than drawing."""
        shown, shape = self.query_one(f"#{panel}", Static), (self._width(panel), text.plain.count("\n"))
        if shown.content != text:
            shown.update(text, layout=shape != self._sizes.get(panel))
            self._sizes[panel] = shape

    def _placed(self, panel: str) -> str:
        """The panel that is shown of two that have the same content: below the stages, or in a column."""
        is_below = self.has_class("wide") and not self.has_class("widest")
        if panel == "lately" and self.has_class("under"):
            is_below = False
        return f"{panel}-below" if is_below else panel

    def _width(self, panel: str) -> int:
        """The width of a panel's lines in cells, also of one that is not shown."""
        shown = self.query_one(f"#{panel}")
        column = next(one for one in shown.ancestors if isinstance(one, MeasuredColumn))
        return (column.size.width or self.size.width) - (2 if self._is_low else 4)

    @property
    def _leaders_room(self) -> int:
        """The lines for leaders: all of a column that they have for themselves."""
        if self.has_class("wide"):
            return self.size.height - (1 if self._is_low else 2)
        return _FEW if self._is_low else _LINES

    @property
    def _events_room(self) -> int:
        """The lines for events: what other panels leave of their column, where that is theirs."""
        if self.has_class("under"):
            return self.size.height - self._height("leaders") - 2
        if not self.has_class("widest"):
            return _EVENTS
        return max(_EVENTS, self.size.height - self._height("machine") - 2)

    def _height(self, panel: str) -> int:
        """The height of a panel that has been drawn, with its border."""
        _, breaks = self._sizes.get(panel, (0, 0))
        return breaks + 1 + (0 if self._is_low else 2)

    def _place_events(self) -> None:
        """In two columns, put the events below the leaders if these leave enough room."""
        is_two = self.has_class("wide") and not self.has_class("widest") and not self._is_low
        room = self.size.height - self._height("leaders") - 2
        self.set_class(is_two and room >= _MIN_EVENTS, "under")

    def _draw_stages(self, snapshot: Snapshot) -> None:
        slots = {slot.name: slot for slot in snapshot.slots}
        taken: dict[str, SlotUse] = {job.stage: slots[job.slot] for job in snapshot.jobs if job.requested}
        found = stages(snapshot.jobs, self._counts)
        self._put("stages", "Stages", stage_graph(found, self._data.forecast, taken, self._width("stages")))

    def _draw_work(self, snapshot: Snapshot) -> None:
        # Where there is less room, what needs attention must stay on the screen below.
        places = 2 * _PLACES if self.has_class("tallest") else _PLACES
        running = running_lines(snapshot.jobs, self.app.now(), self._width("running"), places, in_full=True)
        self._put("running", "Running", running)
        self._draw_more(snapshot)
        events, lately = self._data.events, self._placed("lately")
        lines = (
            Content.styled("reading the events …", "$text-muted")
            if events is None
            else event_lines(
                events,
                self.app.now(),
                self._width(lately),
                self._events_room,
                in_full=self.has_class("tallest") or self.has_class("under"),
            )
        )
        self._put(lately, "Recent events", lines)

    def _draw_more(self, snapshot: Snapshot) -> None:
        """What waits, and the runs, where the other panels of their columns leave room."""
        is_tall = self.has_class("tallest")
        above = ["stages", "running", *([] if is_tall else ["machine-below"])]
        room = self.size.height - sum(self._height(panel) for panel in above)
        room -= self._attention.lines + 2 + 2
        is_there = (is_tall or self.has_class("under")) and room >= _MIN_MORE
        is_there = is_there and has_waiting(snapshot.jobs)
        self.query_one("#next").display = is_there
        if is_there:
            self._put("next", "Next", waiting_lines(snapshot.jobs, self._width("next"), room))
        room = self.size.height - self._height("leaders") - 2
        runs = Content("")
        if is_tall and room >= _MIN_MORE:
            runs = run_lines(snapshot.jobs, self._width("runs"), room)
        self.query_one("#runs").display = bool(runs.plain)
        if runs.plain:
            self._put("runs", "Runs", runs)

    def _draw_machine(self) -> None:
        machine = self._data.machine
        host = "" if machine is None else visible(machine.host)
        panel = self._placed("machine")
        self._put(panel, "This machine", machine_lines(machine, self._width(panel)), host)

    def _draw_items(self, snapshot: Snapshot) -> None:
        items = attention.attention_items(
            snapshot,
            self._data.spending,
            self.app.now(),
            watched=self.app.workspace.read_only,
            superseded=self._data.superseded,
        )
        self._attention.show(
            items, self._width("needs"), is_low=self._is_low, is_roomy=self.has_class("tallest")
        )
