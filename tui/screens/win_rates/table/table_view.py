"""The table of win rates: one comparison per row, sorted, filtered and grouped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Input, Static

from core.api import job_progress
from tui.components.filter_box import FilterBox
from tui.components.keyed_table import OPEN, KeyedTable
from tui.components.listing import KEYS
from tui.components.sorting import UNSORTED, next_sort
from tui.components.table_cells import Column, LaterCells
from tui.components.text_pane import TextPane
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.evaluation import seeds, win_rates
from tui.format.jobs import job_states
from tui.format.jobs.job_states import StateLook
from tui.format.text import visible
from tui.screens.win_rates.table import rate_cells, rate_columns, seed_rows
from tui.screens.win_rates.table.summary import summary
from tui.screens.win_rates.view import WinRatesView

if TYPE_CHECKING:
    from core.api import Job, SeedGroup, WinRate

#: The prefix of a group row's key; no job's id has it.
_GROUP = "\0"
#: The ids of bindings, each with its usual key and what it does; the last also without comparisons.
_HINTS = (
    ("list.filter", "/", "search"),
    ("list.sort", ">", "sort"),
    ("list.reverse", "I", "reverse"),
    ("win_rates.group", "b", "group"),
    ("win_rates.superseded", "s", "superseded"),
)


class RatesView(WinRatesView):
    """Comparisons as rows, with a summary of the selected one below."""

    DEFAULT_CSS: ClassVar[str] = """
    RatesView {
        & > #shown { height: 1; padding: 0 1; color: $text-muted; }
        & > KeyedTable { margin: 0; }
        & > #about-rate { scrollbar-size: 0 0; }
    }
    """
    # Shown above the table, because the footer has no space for them.
    BINDINGS: ClassVar[list[BindingType]] = [
        *KEYS,
        Binding(
            "b",
            "group",
            "Group by",
            id="win_rates.group",
            show=False,
            tooltip="Group by student, method, judge or seeds",
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="table")
        self._looks: dict[str, tuple[StateLook, float | None]] = {}
        self._jobs: Mapping[str, Job] = {}
        #: The longest short name of B.
        self._longest = 0
        self._sort: str | None = None
        self._is_reversed = False
        self._grouping: win_rates.Grouping = "none"
        self._filter = ""
        #: Group by its name, of runs that differ in their seeds alone.
        self._over_seeds: Mapping[str, SeedGroup] = {}
        self._requested: object = None
        #: The groups whose comparisons are shown.
        self._open: set[str] = set()
        self._drawn: object = None
        #: A comparison's job → its row and the row's input.
        self._rows: dict[str, tuple[object, Sequence[Text]]] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="shown", markup=False)
        yield KeyedTable(id="rates", opens="Pairs")
        yield Static(id="nothing", classes="nothing", markup=False)
        yield FilterBox("a part of a responder, recipe or judge")
        yield TextPane(id="about-rate", classes="summary", can_focus=False)

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False

    def on_resize(self, event: Resize) -> None:
        if self._drawn is not None:
            self._draw()

    @property
    def rate(self) -> WinRate | None:
        key = self.query_one(KeyedTable).selected_key
        return next((rate for rate in self.rates if rate.job == key), None)

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        if found is not self.rates:
            self._longest = win_rates.longest_name(found)
        self.rates, self._jobs = found, jobs
        self._looks = {
            rate.job: (job_states.NOT_STARTED, None)
            if (job := jobs.get(rate.job)) is None
            else (job_states.look(job), job_progress(job))
            for rate in found
            if rate.win_rate_b is None
        }
        self._look_over_seeds()
        self._draw()

    def back(self) -> bool:
        if not self.query_one(FilterBox).reset():
            return False
        self._filter = ""
        self._draw()
        self.enter()
        return True

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        rate, key = self.rate, self.query_one(KeyedTable).selected_key
        if rate is None and self._grouping == "seeds" and key is not None:
            self._open ^= {key}
            self._draw()
        elif rate is None:
            self.app.show_message("this row is a group: select a comparison in it")
        else:
            self.open_pairs([(rate.a, rate.b)])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter = event.value
        # Paint the typed letter first, without waiting for the rows.
        self.call_after_refresh(self._draw)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.enter()

    def action_filter(self) -> None:
        self.query_one(FilterBox).open()

    def action_sort(self, by: int) -> None:
        """Sort by the next column; after the last comes the order of config.toml."""
        names = [column.key for column in self._columns() if column.key in win_rates.VALUES]
        self._sort, self._is_reversed = next_sort(names, self._sort, by), False
        self._draw()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by its column, another one reverses the order."""
        event.stop()
        name = event.column_key.value
        if name == self._sort:
            self.action_reverse()
        elif name in win_rates.VALUES:
            self._sort, self._is_reversed = name, False
            self._draw()
        else:
            self.app.show_message(UNSORTED)

    def action_reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self._draw()

    def action_group(self) -> None:
        at = win_rates.GROUPINGS.index(self._grouping)
        self._grouping = win_rates.GROUPINGS[(at + 1) % len(win_rates.GROUPINGS)]
        if self._grouping == "seeds" and len(win_rates.grouped(self.rates, "seeds")) == len(self.rates):
            # Without several seeds every group is one comparison.
            self._grouping = "none"
        self._look_over_seeds()
        self._draw()

    def _look_over_seeds(self) -> None:
        """Read mean and spread over seeds, if they are shown and comparisons have ended since."""
        basis = win_rates.finished(self.rates)
        if self._grouping == "seeds" and basis != self._requested:
            self._requested = basis
            self.app.read(
                "win rates over seeds", lambda workspace: workspace.evaluation.seed_groups(), self._receive
            )

    def _receive(self, found: tuple[SeedGroup, ...]) -> None:
        self._over_seeds = {str(one.name): one for one in found}
        self._draw()

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._drawn, self._rows = None, {}
        self._draw()

    def _draw(self) -> None:
        columns = self._columns()
        wanted = (
            self.rates,
            self.with_votes,
            self._looks,
            columns,
            self._sort,
            self._is_reversed,
            self._grouping,
            self._filter,
            self._over_seeds,
            frozenset(self._open),
            self._hints(),
            self._open_key,
            self._start_key,
        )
        # Most snapshots concern other jobs.
        if wanted != self._drawn:
            self._drawn = wanted
            self._fill(columns)
        self._describe()

    def _fill(self, columns: Sequence[Column]) -> None:
        table, nothing = self.query_one("#rates", KeyedTable), self.query_one("#nothing", Static)
        selected, at = table.selected_key, table.cursor_row
        found = [rate for rate in self.rates if win_rates.matches(rate, self._filter)]
        nothing.display = not self.rates
        if not self.rates:
            # An update has the screen laid out again.
            nothing.update(
                "There are no comparisons yet. Add judges to [judges] and comparisons to [comparisons] in "
                f"config.toml; with data imported, {self._start_key} on the pipeline screen starts all jobs."
            )
        self.reveal(bool(self.rates))
        table.set_columns(columns)
        rows: dict[str, Sequence[Text]] = {}
        groups = win_rates.grouped(win_rates.ordered(found, self._sort, self._is_reversed), self._grouping)
        in_order = self._grouping == "seeds" or self._sort is not None
        for name in groups if in_order else sorted(groups):
            key, of_seeds = _GROUP + name, self._grouping == "seeds" and len(groups[name]) > 1
            if of_seeds:
                rows[key] = LaterCells(partial(self._seeds_row, name, groups[name], columns))
            elif self._grouping not in ("none", "seeds"):
                rows[key] = LaterCells(partial(self._group_row, name, groups[name], columns))
            if not of_seeds or key in self._open:
                rows |= {rate.job: self._kept_row(rate, columns) for rate in groups[name]}
        table.put(rows)
        # A comparison that is not shown by itself is in its group.
        group = next(
            (_GROUP + name for name, own in groups.items() for rate in own if rate.job == selected), ""
        )
        if selected is None or not (table.select(selected) or table.select(group)):
            table.move_cursor(row=min(at, max(0, len(rows) - 1)), animate=False)
        self.query_one("#shown", Static).update(self._shown(len(found)), layout=False)

    def _shown(self, found: int) -> Content:
        """The number of shown comparisons, the filter, the grouping and the order."""
        of = f"{found} of " if found != len(self.rates) else ""
        parts = [f"{of}{formats.counted(len(self.rates), 'comparison')}"]
        if self._filter:
            parts.append(f"/{visible(self._filter)}")
        if self._grouping != "none":
            opens = f"   {self._open_key} opens" if self._grouping == "seeds" else ""
            parts.append(f"by {self._grouping}{opens}")
        if self._sort is not None or self._is_reversed:
            how = {"a": "A", "b": "B", "p": "p after Holm", "lc": "length-controlled", "rate": "win rate"}
            reverse = ", reversed" if self._is_reversed else ""
            parts.append(f"sorted by {how.get(self._sort or '', self._sort or 'config.toml')}{reverse}")
        return Content.assemble(("  ·  ".join(parts), "$foreground"), f"     {self._hints()}")

    def _hints(self) -> str:
        hints = _HINTS if self.rates else _HINTS[-1:]
        return "   ".join(f"{self.app.key_name(binding, usual)} {what}" for binding, usual, what in hints)

    @property
    def _open_key(self) -> str:
        return self.app.key_name(OPEN, "enter")

    @property
    def _start_key(self) -> str:
        return self.app.key_name("pipeline.start_all", "S")

    def _columns(self) -> list[Column]:
        return rate_columns.columns(
            self.rates,
            self.size.width,
            longest_b=self._longest,
            sort=self._sort,
            is_reversed=self._is_reversed,
            grouping=self._grouping,
            has_votes=bool(self.with_votes),
        )

    def _group_row(self, name: str, found: Sequence[WinRate], columns: Sequence[Column]) -> list[Text]:
        done = sum(rate.n is not None for rate in found)
        cells = {
            "a": Text(formats.shorten(visible(name), columns[0].width), "bold"),
            "b": Text(f"{done} of {len(found)} finished", shade(self.app, "text-muted")),
        }
        return [cells.get(column.key, Text("")) for column in columns]

    def _seeds_row(self, name: str, found: Sequence[WinRate], columns: Sequence[Column]) -> list[Text]:
        widths = {column.key: column.width for column in columns}
        cells = seed_rows.cells(
            name,
            self._over_seeds.get(name),
            found,
            widths,
            longest=self._longest,
            is_open=_GROUP + name in self._open,
            accent=shade(self.app, "text-accent"),
            muted=shade(self.app, "text-muted"),
        )
        return [cells.get(column.key, Text("")) for column in columns]

    def _kept_row(self, rate: WinRate, columns: Sequence[Column]) -> Sequence[Text]:
        """The last drawing of the row, if it is still valid."""
        widths = [(column.key, column.width) for column in columns]
        drawn_from = (rate, self.with_votes.get(rate.job), self._looks.get(rate.job), widths, self._longest)
        known = self._rows.get(rate.job)
        if known is None or known[0] != drawn_from:
            known = self._rows[rate.job] = (drawn_from, LaterCells(partial(self._row, rate, columns)))
        return known[1]

    def _row(self, rate: WinRate, columns: Sequence[Column]) -> list[Text]:
        widths = {column.key: column.width for column in columns}
        look = self._looks.get(rate.job, (job_states.NOT_STARTED, None))
        votes = self.with_votes.get(rate.job)
        cells = rate_cells.cells(self.app, rate, look, votes, widths, longest=self._longest)
        return [cells.get(column.key, Text("")) for column in columns]

    def _describe(self) -> None:
        rate, about = self.rate, self.query_one("#about-rate", TextPane)
        key = self.query_one(KeyedTable).selected_key or ""
        group = self._over_seeds.get(key.removeprefix(_GROUP)) if self._grouping == "seeds" else None
        about.display = rate is not None or group is not None
        if rate is not None:
            text = summary(
                rate,
                self._jobs.get(rate.job),
                self.judge_line(rate.judge),
                self.with_votes.get(rate.job),
            )
        elif group is not None:
            lines = [Content(visible(line)) for line in seeds.sentences(group)]
            text = Content("\n").join([*lines, self.judge_line(group.judge)])
        else:
            return
        about.update(text)
