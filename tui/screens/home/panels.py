"""The panels of the home screen: stages, running jobs, matters, leaders, the machine, the news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Static

from tui.components.keyed_table import Column, KeyedTable
from tui.components.theme import shade
from tui.format import values as figures
from tui.format.text import visible
from tui.screens.home import attention
from tui.screens.home.attention import Matter
from tui.screens.home.leader_lines import leader_lines
from tui.screens.home.machine_lines import machine_lines
from tui.screens.home.stage_graph import stage_graph
from tui.screens.home.stages import stages
from tui.screens.home.work_lines import event_lines, running_lines

if TYPE_CHECKING:
    from textual import getters

    from core.api import Event, Forecast, Machine, SlotUse, Snapshot, Spending, WinRate
    from tui.app.application import EmpathyApp
    from tui.components.workspace_screen import RoomScreen

#: At this width and above the panels stand in two columns.
WIDE = 120
#: Below so many rows nothing stands apart from the next.
_TALL = 30
#: Leaders, and running jobs, that are shown: in a low terminal, and in a tall one.
_FEW, _PLACES = 3, 8


@dataclass(frozen=True)
class Glance:
    """What is shown beside the snapshot; None where it is not known yet."""

    forecast: Forecast | None = None
    spending: Spending | None = None
    events: Sequence[Event] = ()
    rates: tuple[WinRate, ...] = ()
    machine: Machine | None = None


class _Column(Vertical):
    """Panels one below the other."""

    class Widened(Message):
        """Its lines have more or fewer cells than before."""

    _known = 0

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._known:
            self._known = event.size.width
            self.post_message(self.Widened())


class HomePanels(VerticalScroll, can_focus=False):
    """Two columns where there is room, else one below the other; the list of matters has the focus."""

    DEFAULT_CSS: ClassVar[str] = """
    HomePanels {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        _Column { height: auto; }
        .panel { height: auto; padding: 0 1; margin: 1 0 0 0; }
        #matters { max-height: 8; }
        #matter { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
        &.wide { layout: horizontal; }
        &.wide _Column { width: 3fr; }
        &.wide _Column.second { width: 2fr; }
        &.low {
            .roomy { display: none; }
            .panel { margin: 0; }
            #matters { max-height: 4; }
        }
    }
    """

    if TYPE_CHECKING:
        # Textual finds the app; this says which one it is.
        app = getters.app(EmpathyApp)

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: Snapshot | None = None
        self._glance = Glance()
        self._matters: Sequence[Matter] = ()
        #: Panel → for how many cells its lines were made, and how many line breaks it has.
        self._shapes: dict[str, tuple[int, int]] = {}

    def compose(self) -> ComposeResult:
        with _Column():
            yield Static(id="stages", classes="panel", markup=False)
            yield Static(id="running", classes="panel roomy", markup=False)
            yield Static(id="matters-title", classes="panel", markup=False)
            yield KeyedTable(id="matters", opens="Log")
            yield Static(id="matter", classes="roomy", markup=False)
        with _Column(classes="second"):
            yield Static(id="leaders", classes="panel", markup=False)
            yield Static(id="machine", classes="panel", markup=False)
            yield Static(id="lately", classes="panel roomy", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(KeyedTable)
        table.show_header = False
        table.focus()

    def on_resize(self, event: Resize) -> None:
        self.set_class(self.app.size.width >= WIDE, "wide")
        self.set_class(self.app.size.height < _TALL, "low")
        # Other panels are shown, or hidden.
        self.call_after_refresh(self._draw)

    def on__column_widened(self, event: _Column.Widened) -> None:
        event.stop()
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._draw_matter()

    def show(self, snapshot: Snapshot, glance: Glance) -> None:
        self._snapshot, self._glance = snapshot, glance
        self._draw()

    def show_machine(self, glance: Glance) -> None:
        """Show how busy the machine is, of which no snapshot tells."""
        self._glance = glance
        self._draw_machine()

    @property
    def matter(self) -> Matter | None:
        """What the cursor is on."""
        key = self.query_one(KeyedTable).selected_key
        return next((matter for matter in self._matters if matter.key == key), None)

    @property
    def _is_low(self) -> bool:
        return self.has_class("low")

    def _draw(self) -> None:
        if self._snapshot is None or not self.is_mounted:
            return
        self._draw_stages(self._snapshot)
        self._draw_matters(self._snapshot)
        places = _FEW if self._is_low else _PLACES
        self._put("leaders", "Winning", leader_lines(self._glance.rates, self._width("leaders"), places))
        self._draw_machine()
        if not self._is_low:
            self._draw_work(self._snapshot)

    def _put(self, panel: str, title: str, body: Content, note: str = "") -> None:
        """Show a panel anew, if it differs."""
        note = f"  {note}" if note else ""
        self._update(panel, Content.assemble((title, "bold"), (note, "$text-muted"), "\n", body))

    def _update(self, panel: str, text: Content) -> None:
        """Show a text anew, if it differs; laying everything out costs more than drawing."""
        shown, shape = self.query_one(f"#{panel}", Static), (self._width(panel), text.plain.count("\n"))
        if shown.content != text:
            shown.update(text, layout=shape != self._shapes.get(panel))
            self._shapes[panel] = shape

    def _width(self, panel: str) -> int:
        """The cells that a panel has for a line, also before it is laid out."""
        column = self.query_one(f"#{panel}").parent
        assert isinstance(column, _Column)
        return (column.size.width or self.size.width) - 2

    def _draw_stages(self, snapshot: Snapshot) -> None:
        slots = {slot.name: slot for slot in snapshot.slots}
        taken: dict[str, SlotUse] = {job.stage: slots[job.slot] for job in snapshot.jobs if job.requested}
        graph = stage_graph(stages(snapshot.jobs), self._glance.forecast, taken, self._width("stages"))
        self._put("stages", "Stages", graph)

    def _draw_work(self, snapshot: Snapshot) -> None:
        self._put("running", "Running", running_lines(snapshot.jobs, self._width("running"), _PLACES))
        names = {job.id: f"{job.stage} {job.name}" for job in snapshot.jobs}
        lines = event_lines(self._glance.events, names, self.app.now(), self._width("lately"))
        self._put("lately", "Lately", lines)

    def _draw_machine(self) -> None:
        machine = self._glance.machine
        host = "" if machine is None else visible(machine.host)
        self._put("machine", "This machine", machine_lines(machine, self._width("machine")), host)

    def _draw_matters(self, snapshot: Snapshot) -> None:
        watched = self.app.workspace.read_only
        self._matters = attention.matters(snapshot, self._glance.spending, watched=watched)
        table = self.query_one(KeyedTable)
        table.display = bool(self._matters)
        calm = "" if self._matters else "   nothing: all is as it should be"
        self._update("matters-title", Content.assemble(("Needs attention", "bold"), (calm, "$text-muted")))
        width = self._width("matters")
        hint = 18 if width >= 60 else 0
        longest = max((len(visible(matter.what)) for matter in self._matters), default=0)
        what = max(16, min(longest, (width - 6 - hint) // 2))
        why = max(10, width - 3 - (hint + 2 if hint else 0) - what - 5)
        columns = [Column("glyph", "", 1), Column("what", "", what), Column("why", "", why)]
        table.set_columns([*columns, *([Column("hint", "", hint, "right")] if hint else [])])
        keys = self._keys() if hint else None
        table.put({matter.key: self._row(matter, what, keys) for matter in self._matters})
        table.styles.height = len(self._matters)
        self._draw_matter()

    def _draw_matter(self) -> None:
        """The matter under the cursor in full."""
        matter = self.matter
        words = "" if matter is None else f"{matter.why}: {matter.advice}" if matter.advice else matter.why
        shown, text = self.query_one("#matter", Static), Content(visible(words.strip(), lines=True))
        # Its lines wrap.
        if shown.content != text:
            shown.update(text)

    def _keys(self) -> dict[str, str]:
        """How the keys that mend something are shown, by the bindings' ids."""
        room = cast("RoomScreen", self.screen)
        wanted = {name for matter in self._matters for name, _ in matter.remedy}
        return {name: room.key_of(name) for name in wanted}

    def _row(self, matter: Matter, width: int, keys: Mapping[str, str] | None) -> list[Text]:
        """A matter's cells; where there is room the last tells the remedy with its keys."""
        colour, muted = shade(self.app, matter.colour), shade(self.app, "text-muted")
        why = visible(" ".join(matter.why.split()))
        if matter.advice:
            why = f"{why}: {matter.advice}"
        cells = [
            Text(matter.glyph, colour),
            Text(figures.shorten(visible(matter.what), width)),
            Text(why, colour if matter.job is None else muted),
        ]
        if keys is not None:
            hint = "  ".join(f"{keys[name]} {what}" for name, what in matter.remedy)
            cells.append(Text(hint, shade(self.app, "text-accent")))
        return cells
