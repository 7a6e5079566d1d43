"""Win rates: every comparison, with its interval and what its judge is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui import format as figures
from tui import state
from tui.screens.base import RoomScreen
from tui.text import visible
from tui.theme import shade
from tui.widgets.interval_bar import interval_bar
from tui.widgets.keyed_table import Column, KeyedTable

if TYPE_CHECKING:
    from core.api import Job, Snapshot, WinRate

#: Widths of the columns that never change.
_RATE, _INTERVAL, _WINS, _JUDGE, _BAR = 7, 13, 15, 10, 24
_WIDE = 110


class WinRatesScreen(RoomScreen):
    """Comparisons as rows; the selected one in words below."""

    ROOM = "win_rates"
    ABOUT = "How often B's response beats A's over the test dialogues, with a 95 % interval."
    CSS_PATH = "win_rates.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pairs", "Pairs", id="win_rates.pairs", tooltip="Open the pairs behind the number"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rates: dict[str, WinRate] = {}

    def body(self) -> ComposeResult:
        yield KeyedTable(id="rates")
        yield Static(id="nothing", markup=False)
        yield Static(id="about-rate", markup=False)

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False
        self.query_one("#rates").focus()

    def on_resize(self, event: Resize) -> None:
        if self.app.snapshot is not None:
            self._fill(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("win rates", lambda reader: reader.win_rates(), self._receive)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_pairs()

    def action_pairs(self) -> None:
        rate = self._selected
        if rate is None:
            self.app.tell("no comparison is selected")
        else:
            self.app.open_pairs(rate.a, rate.b)

    def action_back(self) -> None:
        self.app.action_room("pipeline")

    @property
    def _selected(self) -> WinRate | None:
        key = self.query_one(KeyedTable).selected_key
        return None if key is None else self._rates.get(key)

    def _receive(self, rates: Sequence[WinRate]) -> None:
        self._rates = {rate.job: rate for rate in rates}
        if self.app.snapshot is not None:
            self._fill(self.app.snapshot)

    def _fill(self, snapshot: Snapshot) -> None:
        table, nothing = self.query_one(KeyedTable), self.query_one("#nothing", Static)
        table.display, nothing.display = bool(self._rates), not self._rates
        if not self._rates:
            nothing.update(
                "There is no comparison yet. config.toml names judges under [judges] and what meets under "
                "[comparisons]; with data imported, `S` on the pipeline starts everything."
            )
        columns = self._columns()
        table.set_columns(columns)
        table.put(
            {key: self._row(rate, state.find(snapshot, key), columns) for key, rate in self._rates.items()}
        )
        self._describe()

    def _columns(self) -> list[Column]:
        """What the width has room for; B's name, a run's, is the longer one."""
        wide = self.size.width >= _WIDE
        rest = [
            Column("rate", "B wins", _RATE, "right"),
            Column("interval", "95 % interval", _INTERVAL, "right"),
            Column("wins", "B / tie / A", _WINS, "right"),
        ]
        if wide:
            rest.insert(0, Column("judge", "judge", _JUDGE))
            rest.insert(3, Column("bar", "0 %" + "50".center(_BAR - 8) + "100 %", _BAR))
        names = self.size.width - sum(column.width + 2 for column in rest) - 5
        a = max(8, names * 2 // 5)
        return [Column("a", "A, baseline", a), Column("b", "B", max(8, names - a)), *rest]

    def _row(self, rate: WinRate, job: Job | None, columns: Sequence[Column]) -> list[Text]:
        cells = self._cells(rate, job)
        widths = {column.key: column.width for column in columns}
        for side, name in (("a", rate.a), ("b", rate.b)):
            cells[side] = Text(figures.shorten(visible(name), widths[side]))
        return [cells[column.key] for column in columns]

    def _cells(self, rate: WinRate, job: Job | None) -> dict[str, Text]:
        muted, accent = shade(self.app, "text-muted"), shade(self.app, "text-accent")
        judge = Text(figures.shorten(visible(rate.judge), _JUDGE), muted)
        if rate.win_rate_b is None:
            look = state.NOT_ASKED if job is None else state.look(job)
            share = None if job is None else state.fraction(job)
            return {
                "judge": judge,
                "rate": Text(figures.UNKNOWN, muted),
                "interval": Text(f"{look.glyph} {look.word}", shade(self.app, look.colour)),
                "bar": Text(figures.bar(share, _BAR), muted),
                "wins": Text(figures.UNKNOWN, muted),
            }
        assert rate.ci_low is not None
        assert rate.ci_high is not None
        return {
            "judge": judge,
            "rate": Text(figures.percent(rate.win_rate_b, 1), "bold"),
            "interval": Text(f"{rate.ci_low * 100:.1f}–{rate.ci_high * 100:.1f}", muted),
            "bar": interval_bar(rate.win_rate_b, rate.ci_low, rate.ci_high, _BAR, colour=accent, muted=muted),
            "wins": Text(f"{rate.wins_b} / {rate.ties} / {rate.wins_a}"),
        }

    def _describe(self) -> None:
        rate = self._selected
        about = self.query_one("#about-rate", Static)
        about.display = rate is not None
        if rate is None:
            return
        lines = [Content.styled(f"{visible(rate.b)}  against  {visible(rate.a)}", "bold")]
        if rate.n is None:
            lines.append(Content.styled("No figure is shown before every verdict is in.", "$text-muted"))
        else:
            invalid = f"{rate.invalid} invalid" if rate.invalid else "none invalid"
            lines.append(
                Content(
                    f"{rate.n} test dialogues: B wins {rate.wins_b}, A wins {rate.wins_a}, "
                    f"{rate.ties} ties, {invalid}. Interval: {rate.interval}."
                )
            )
            effects = state.order_effects(rate)
            if effects is not None:
                lines.append(Content(effects))
        job = state.find(self.app.snapshot, rate.job)
        if job is not None and job.error is not None:
            lines.append(Content.styled(visible(job.error), "$text-error"))
        elif job is not None and job.reason is not None:
            lines.append(Content.styled(visible(job.reason), "$text-muted"))
        label = rate.label or self._judge_label(rate)
        lines.append(
            Content.styled(
                "Judge: "
                + (visible(label) if label else f"{visible(rate.judge)}, its agreement with people unknown"),
                "$text-warning",
            )
        )
        about.update(Content("\n").join(lines))

    def _judge_label(self, rate: WinRate) -> str | None:
        snapshot = self.app.snapshot
        jobs = () if snapshot is None else snapshot.jobs
        for job in jobs:
            if job.stage == "judge" and job.name == rate.judge and job.result is not None:
                label = job.result.get("label")
                return str(label) if label else None
        return None
