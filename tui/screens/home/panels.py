"""The panels of the home screen: stages, jobs, attention items, leaders, runs, machine, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click, Resize
from textual.widgets import DataTable, Static

from tui.components.auto_height_text import AutoHeightText
from tui.components.keyed_table import Column, KeyedTable
from tui.components.measured_column import MeasuredColumn
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.text import visible
from tui.navigation.messages import OpenJob, OpenPairs, OpenScreen, OpenStage
from tui.screens.home import attention
from tui.screens.home.attention import AttentionItem
from tui.screens.home.leader_lines import leader_lines
from tui.screens.home.machine_lines import machine_lines
from tui.screens.home.stage_graph import stage_graph
from tui.screens.home.stages import stages
from tui.screens.home.work_lines import event_lines, has_waiting, run_lines, running_lines, waiting_lines

if TYPE_CHECKING:
    from textual import getters

    from core.api import Event, Forecast, Machine, SlotUse, Snapshot, Spending, WinRate
    from tui.components.workspace_screen import WorkspaceScreen
    from tui.navigation.host import HostApp

#: The panels have two columns from this width on, three from the other.
WIDE, WIDEST = 120, 180
#: The keys that resolve an item are in its row from this width on, else below the list.
_HINTS = 60
#: The width that is kept for the reason of an item.
_REASON = 18
#: Below this height the panels have no borders.
_TALL = 30
#: The number of lines of running jobs.
_PLACES = 8
#: The lines of leaders where other panels are in the same column, in a low and in a tall terminal.
_FEW, _LINES = 6, 12
#: Above this height three columns have room for whole names and reasons.
_TALLER = 40
#: The lines that other panels must leave then to those of what waits and of runs.
_LEAST_MORE = 3
#: The number of lines of events, at least; and where they are in the column of the leaders.
_EVENTS, _FEWEST_EVENTS = 14, 6


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
    """One to three columns, as the terminal is wide; the list of attention items has the focus."""

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
        #attention { max-height: 12; background: $background; }
        #attention-item { height: auto; max-height: 12; color: $text-muted; }
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
            #attention { max-height: 4; }
            #attention-item { max-height: 3; padding: 0 1 0 4; }
        }
        &.tallest #attention-item { max-height: 24; }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: Snapshot | None = None
        self._data = HomeData()
        self._items: Sequence[AttentionItem] = ()
        #: What the leaders were drawn from.
        self._ranked: object = None
        #: The item that the cursor was put on. A failure that comes gets the cursor if this is none, and
        #: people have not moved it.
        self._chosen: str | None = None
        #: The widths of names and of reasons in the list of items.
        self._what = self._why = 0
        #: The reason of the item under the cursor, and of others that are cut.
        self._item_text = Content("")
        #: Panel → the width of its lines, and the number of line breaks.
        self._sizes: dict[str, tuple[int, int]] = {}

    def compose(self) -> ComposeResult:
        with MeasuredColumn():
            yield AutoHeightText(id="stages", classes="panel")
            yield AutoHeightText(id="running", classes="panel roomy")
            with Vertical(id="needs", classes="panel"):
                yield AutoHeightText(id="attention-title")
                yield KeyedTable(id="attention", opens="Log")
                yield AutoHeightText(id="attention-item")
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
        table = self.query_one(KeyedTable)
        table.show_header = False
        table.focus()

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

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._draw_item()

    def show(self, snapshot: Snapshot, data: HomeData) -> None:
        self._snapshot, self._data = snapshot, data
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
        key = self.query_one(KeyedTable).selected_key
        return next((item for item in self._items if item.key == key), None)

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
        self.set_class(is_two and room >= _FEWEST_EVENTS, "under")

    def _draw_stages(self, snapshot: Snapshot) -> None:
        slots = {slot.name: slot for slot in snapshot.slots}
        taken: dict[str, SlotUse] = {job.stage: slots[job.slot] for job in snapshot.jobs if job.requested}
        graph = stage_graph(stages(snapshot.jobs), self._data.forecast, taken, self._width("stages"))
        self._put("stages", "Stages", graph)

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
        items = min(len(self._items), 12) or 1
        if self._item_text.plain:
            items += min(24, self._item_text.get_height({}, self._width("attention")))
        room = self.size.height - sum(self._height(panel) for panel in above) - (items + 2) - 2
        is_there = (is_tall or self.has_class("under")) and room >= _LEAST_MORE
        is_there = is_there and has_waiting(snapshot.jobs)
        self.query_one("#next").display = is_there
        if is_there:
            self._put("next", "Next", waiting_lines(snapshot.jobs, self._width("next"), room))
        room = self.size.height - self._height("leaders") - 2
        runs = Content("")
        if is_tall and room >= _LEAST_MORE:
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
        watched = self.app.workspace.read_only
        self._items = attention.attention_items(
            snapshot,
            self._data.spending,
            self.app.now(),
            watched=watched,
            superseded=self._data.superseded,
        )
        table = self.query_one(KeyedTable)
        table.display = bool(self._items)
        self.query_one("#needs").border_title = "Needs attention"
        title = self.query_one("#attention-title")
        title.display = self._is_low or not self._items
        calm = "" if self._items else "nothing"
        heading = Content.styled("Needs attention  ", "bold") if self._is_low else Content("")
        self._update("attention-title", Content.assemble(heading, (calm, "$text-muted")))
        width = self._width("attention")
        keys = self._keys()
        hint = max((len(_hint(item, keys)) for item in self._items), default=0) if width >= _HINTS else 0
        longest = max((len(visible(item.what)) for item in self._items), default=0)
        # Two runs may differ in the middle of their names alone; the reason is shown in full below.
        self._what = max(16, min(longest, width - 10 - hint - _REASON))
        self._why = max(10, width - 3 - (hint + 2 if hint else 0) - self._what - 5)
        columns = [Column("glyph", "", 1), Column("what", "", self._what), Column("why", "", self._why)]
        table.set_columns([*columns, *([Column("hint", "", hint, "right")] if hint else [])])
        table.put({item.key: self._row(item, self._what, keys if hint else None) for item in self._items})
        table.styles.height = len(self._items)
        item = self.item
        if item is not None and (self._chosen is None or (item.key == self._chosen and item.job is None)):
            # The first failure is what to look at first.
            failed = next((item for item in self._items if item.job is not None), self._items[0])
            self._chosen = failed.key
            table.select(failed.key)
        self._draw_item()

    def _draw_item(self) -> None:
        """The item under the cursor in full; where there is room, all whose rows are cut."""
        item = self.item
        text = Content("") if item is None else _reason(item)
        if item is not None and not self._is_low and len(visible(item.what)) > self._what:
            text = _in_full(item, is_selected=True)
        if self.has_class("tallest"):
            cut = [one for one in self._items if one == item or self._is_cut(one)]
            text = Content("\n").join([_in_full(one, is_selected=one == item) for one in cut])
        if item is not None and item.remedy and self._width("attention") < _HINTS:
            # There is no room for the keys in the item's row.
            text = Content.assemble(text, "\n", (_hint(item, self._keys()), "$text-accent"))
        shown, self._item_text = self.query_one("#attention-item", Static), text
        # A low terminal has a line for what its row cuts alone.
        shown.display = bool(text.plain) and (
            not self._is_low or "\n" in text.plain or text.cell_length > self._why
        )
        # Always with a layout, because its lines wrap.
        if shown.content != text:
            shown.update(text)

    def _is_cut(self, item: AttentionItem) -> bool:
        return len(visible(item.what)) > self._what or _reason(item).cell_length > self._why

    def _keys(self) -> dict[str, str]:
        """The display names of the remedies' keys, by the bindings' ids."""
        screen = cast("WorkspaceScreen", self.screen)
        return screen.keys_of({name for item in self._items for name, _ in item.remedy})

    def _row(self, item: AttentionItem, width: int, keys: Mapping[str, str] | None) -> list[Text]:
        """An item's cells; with `keys` the last cell shows the remedy with its keys."""
        colour, muted = shade(self.app, item.colour), shade(self.app, "text-muted")
        why = visible(" ".join(item.why.split()))
        if item.advice:
            why = f"{why}: {item.advice}"
        cells = [
            Text(item.glyph, colour),
            Text(formats.shorten(visible(item.what), width)),
            Text(why, colour if item.job is None else muted),
        ]
        if keys is not None:
            cells.append(Text(_hint(item, keys), shade(self.app, "text-accent")))
        return cells


def _reason(item: AttentionItem) -> Content:
    words = f"{item.why}: {item.advice}" if item.advice else item.why
    return Content(visible(words.strip(), lines=True))


def _in_full(item: AttentionItem, *, is_selected: bool) -> Content:
    """The whole name of an item, and its whole reason."""
    name = (visible(item.what), "$foreground bold" if is_selected else "$foreground")
    return Content.assemble((f"{item.glyph} ", f"${item.colour}"), name, "\n", _reason(item))


def _hint(item: AttentionItem, keys: Mapping[str, str]) -> str:
    """The keys that resolve an item, each with its effect."""
    return "  ".join(f"{keys[name]} {what}" for name, what in item.remedy)
