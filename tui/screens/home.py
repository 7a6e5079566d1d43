"""Home: what runs, what it costs, when it ends, what failed and why, and which model is winning."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui import attention, sent, state
from tui import format as figures
from tui.attention import Matter
from tui.screens.base import RoomScreen
from tui.stages import stages
from tui.text import visible
from tui.theme import shade
from tui.widgets.keyed_table import Column, KeyedTable
from tui.widgets.stage_graph import left_in_words, stage_graph

if TYPE_CHECKING:
    from core.api import Event, Forecast, Job, Machine, Reader, Snapshot, Spending, WinRate

#: At this width and above the panels stand in two columns.
WIDE = 140
#: Seconds between looks at the machine, while this room is open.
_LOOK_S = 2.0
#: Below so many rows nothing stands apart from the next.
_TALL = 32
#: Leaders that are shown, in a low terminal and in a tall one.
_FEW, _PLACES = 3, 8

_EVENTS = 12

_Seen = tuple["Forecast | None", "Spending", "list[Event]", "tuple[WinRate, ...] | None"]


class HomeScreen(RoomScreen):
    """The answers in a line, then the stages, what waits for a person, who wins, and the machine."""

    ROOM = "home"
    ABOUT = "What runs, what it costs, when it ends, what failed and why, and which model is winning."
    CSS_PATH = "home.tcss"
    WRITES = frozenset({"retry"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", id="home.retry", tooltip="Try the job again that failed"),
        Binding("S", "app.start_all", "Start all", id="home.start_all", tooltip="Start every job"),
        Binding("p", "app.pause", "Pause", id="home.pause", tooltip="Start no more jobs, or resume"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._forecast: Forecast | None = None
        self._forecast_at = 0.0
        self._spending: Spending | None = None
        self._rates: tuple[WinRate, ...] = ()
        #: The finished comparisons behind `_rates`.
        self._compared: tuple[str, ...] | None = None
        self._machine: Machine | None = None
        self._events: Sequence[Event] = ()
        self._matters: Sequence[Matter] = ()

    def body(self) -> ComposeResult:
        yield Static(id="answers", markup=False)
        with VerticalScroll(id="panels", can_focus=False):
            with Vertical(classes="column"):
                with Vertical(classes="panel"):
                    yield Static(Content("Stages"), classes="title", markup=False)
                    yield Static(id="stages", markup=False)
                with Vertical(classes="panel roomy"):
                    yield Static(Content("Running"), classes="title", markup=False)
                    yield Static(id="running", markup=False)
                with Vertical(classes="panel"):
                    yield Static(Content("Needs attention"), classes="title", markup=False)
                    yield KeyedTable(id="matters", opens="Log")
                    yield Static(id="calm", markup=False)
                    yield Static(id="matter", classes="roomy", markup=False)
            with Vertical(classes="column"):
                with Vertical(classes="panel"):
                    yield Static(Content("Winning"), classes="title", markup=False)
                    yield Static(id="leaders", markup=False)
                with Vertical(classes="panel"):
                    yield Static(Content("This machine"), id="machine-title", classes="title", markup=False)
                    yield Static(id="machine", markup=False)
                with Vertical(classes="panel roomy"):
                    yield Static(Content("Lately"), classes="title", markup=False)
                    yield Static(id="lately", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(KeyedTable)
        table.show_header = False
        table.focus()
        self.set_interval(_LOOK_S, self._look_at_machine)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")
        self.set_class(event.size.height < _TALL, "low")
        # Once the panels have their new widths.
        self.call_after_refresh(self._draw)

    def on_screen_resume(self) -> None:
        self._look_at_machine()

    def show(self, snapshot: Snapshot) -> None:
        self._draw()
        compared = tuple(job.id for job in snapshot.jobs if job.stage == "compare" and job.state == "done")
        fresh = compared != self._compared
        look = partial(_look, snapshot, self.app.now(), fresh)
        self.app.read("home", look, partial(self._receive, compared if fresh else None))

    @property
    def selected(self) -> Job | None:
        """The job that the matter under the cursor is about."""
        matter = self._matter
        return None if matter is None else state.find(self.app.snapshot, matter.job)

    def unavailable(self, action: str) -> str | None:
        reason = super().unavailable(action)
        if reason is None and action == "retry":
            if self._matter is None:
                return "nothing needs attention"
            return (
                "this is about no job" if self.selected is None else state.unavailable(action, self.selected)
            )
        return reason

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._draw_matter()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        matter = self._matter
        if matter is not None and matter.job is not None:
            self.app.open_log(matter.job)
        elif matter is not None:
            self.app.tell(matter.why)

    def action_retry(self) -> None:
        job = self.selected
        if self.can("retry") and job is not None:
            self.app.act(f"Retry {job.stage} {job.name}", lambda commands: commands.retry(job.id))

    @property
    def _matter(self) -> Matter | None:
        key = self.query_one(KeyedTable).selected_key
        return next((matter for matter in self._matters if matter.key == key), None)

    def _look_at_machine(self) -> None:
        if self.is_current:
            self.app.read("machine", _machine, self._receive_machine)

    def _receive_machine(self, machine: Machine) -> None:
        if machine != self._machine:
            self._machine = machine
            self._draw_machine()

    def _receive(self, compared: tuple[str, ...] | None, seen: _Seen) -> None:
        self._forecast, self._spending, self._events, rates = seen
        self._forecast_at = self.app.now()
        if rates is not None:
            self._rates, self._compared = rates, compared
        self._draw()

    def _draw(self) -> None:
        snapshot = self.app.snapshot
        if snapshot is None or not self.is_mounted:
            return
        self.query_one("#answers", Static).update(self._answers(snapshot))
        self._draw_stages(snapshot)
        self._draw_matters(snapshot)
        self._draw_leaders()
        self._draw_machine()
        if self.size.height >= _TALL:
            self._draw_work(snapshot)

    def _width(self, part: Static) -> int:
        """The cells that a part has for a line, also before it is laid out."""
        return part.content_size.width or self.size.width - 2

    def _draw_stages(self, snapshot: Snapshot) -> None:
        shown = self.query_one("#stages", Static)
        slots = {slot.name: slot for slot in snapshot.slots}
        taken = {job.stage: slots[job.slot] for job in snapshot.jobs if job.requested}
        shown.update(stage_graph(stages(snapshot.jobs), self._forecast, taken, self._width(shown)))

    def _draw_leaders(self) -> None:
        from tui.widgets.leader_lines import leader_lines

        shown = self.query_one("#leaders", Static)
        places = _PLACES if self.size.height >= _TALL else _FEW
        shown.update(leader_lines(self._rates, self._width(shown), places))

    def _draw_work(self, snapshot: Snapshot) -> None:
        from tui.widgets.work_lines import event_lines, running_lines

        running, lately = self.query_one("#running", Static), self.query_one("#lately", Static)
        running.update(running_lines(snapshot.jobs, self._width(running), _PLACES))
        names = {job.id: f"{job.stage} {job.name}" for job in snapshot.jobs}
        lately.update(event_lines(self._events, names, self.app.now(), self._width(lately)))

    def _draw_matters(self, snapshot: Snapshot) -> None:
        self._matters = attention.matters(snapshot, self._spending, watched=self.app.workspace.read_only)
        table, calm = self.query_one(KeyedTable), self.query_one("#calm", Static)
        table.display, calm.display = bool(self._matters), not self._matters
        calm.update(Content.styled("nothing: all is as it should be", "$text-muted"))
        width = table.size.width or self.size.width - 2
        hint = 18 if width >= 60 else 0
        what = max(16, (width - 6 - hint) * 2 // 5)
        why = max(10, width - 3 - (hint + 2 if hint else 0) - what - 5)
        columns = [Column("glyph", "", 1), Column("what", "", what), Column("why", "", why)]
        table.set_columns([*columns, *([Column("hint", "", hint, "right")] if hint else [])])
        table.put({matter.key: self._row(matter, what, hint) for matter in self._matters})
        table.styles.height = len(self._matters)
        self._draw_matter()

    def _draw_matter(self) -> None:
        """The matter under the cursor in full."""
        matter = self._matter
        words = "" if matter is None else f"{matter.why}: {matter.advice}" if matter.advice else matter.why
        self.query_one("#matter", Static).update(Content(visible(words.strip(), lines=True)))

    def _row(self, matter: Matter, width: int, hint: int) -> list[Text]:
        colour, muted = shade(self.app, matter.colour), shade(self.app, "text-muted")
        why = visible(" ".join(matter.why.split()))
        if matter.advice:
            why = f"{why}: {matter.advice}"
        cells = [
            Text(matter.glyph, colour),
            Text(figures.shorten(visible(matter.what), width)),
            Text(why, colour if matter.job is None else muted),
        ]
        if hint:
            keys = "  ".join(f"{self.key_of(name)} {what}" for name, what in matter.remedy)
            cells.append(Text(keys, shade(self.app, "text-accent")))
        return cells

    def _draw_machine(self) -> None:
        from tui.widgets.machine_lines import machine_lines

        shown = self.query_one("#machine", Static)
        shown.update(machine_lines(self._machine, self._width(shown)))
        if self._machine is not None:
            self.query_one("#machine-title", Static).update(
                Content.assemble("This machine", (f"  {visible(self._machine.host)}", "$text-muted"))
            )

    def _answers(self, snapshot: Snapshot) -> Content:
        """What runs, when it ends and what it costs, in a line."""
        sums = state.overall(snapshot)
        parts: list[Content] = []
        if sums.running:
            parts.append(Content.styled(f"▶ {sums.running} running", "$text-accent"))
        elif sums.asked and sums.done == sums.asked:
            parts.append(Content.styled("✓ all is done", "$text-success"))
        elif sums.asked:
            parts.append(Content.styled("○ nothing runs", "$text-warning"))
        else:
            parts.append(Content.styled("· nothing was started", "$text-muted"))
        if sums.asked:
            parts.append(Content(f"{sums.done} of {sums.asked} done"))
        if sums.failed:
            parts.append(Content.styled(f"✗ {sums.failed} failed or cancelled", "$text-error"))
        if self._forecast is not None and not snapshot.paused:
            parts.append(Content(self._when(self._forecast)))
        if self._spending is not None:
            parts.append(Content.styled(sent.money_briefly(self._spending), "$text-muted"))
        return Content.styled("  ·  ", "$text-muted").join(parts)

    def _when(self, forecast: Forecast) -> str:
        words = left_in_words(forecast.seconds, forecast)
        if forecast.at_least:
            return words
        ends = time.localtime(self._forecast_at + forecast.seconds)
        day = "" if ends[:3] == time.localtime(self._forecast_at)[:3] else time.strftime("%a ", ends)
        return f"{words}, {day}{time.strftime('%H:%M', ends)}"


def _look(snapshot: Snapshot, now: float, fresh: bool, reader: Reader) -> _Seen:
    from core.api import forecast

    slots = {slot.name: slot.total for slot in snapshot.slots}
    rates = reader.win_rates() if fresh else None
    return forecast(snapshot.jobs, slots, now), reader.spending(), reader.events(limit=_EVENTS), rates


def _machine(reader: Reader) -> Machine:
    from core.api import look_at_machine

    return look_at_machine()
