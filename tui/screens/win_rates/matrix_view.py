"""The matrix of all pairs of responders under one judge: row against column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui.components.keyed_table import KeyedTable
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.evaluation import win_rates
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.win_rates import matrix
from tui.screens.win_rates.matrix import Matrix
from tui.screens.win_rates.view import WinRatesView

if TYPE_CHECKING:
    from core.api import Job, PairedTest, WinRate

_CELL = 7
#: The shortest names, and the width of the number before them.
_NAME, _NUMBER = 24, 3


class _Cells(KeyedTable):
    """A table with a cell cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "cursor_left", "Left", show=False),
        Binding("right,l", "cursor_right", "Right", show=False),
        Binding("home", "scroll_home", "Leftmost", show=False),
        Binding("end", "scroll_end", "Rightmost", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(opens="Pairs")
        self.cursor_type, self.fixed_columns = "cell", 1

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading moves the cursor into its column."""
        event.stop()
        self.move_cursor(column=event.column_index, animate=False)


class MatrixView(WinRatesView):
    """Columns have the numbers of the rows; the cell under the cursor is explained below."""

    DEFAULT_CSS: ClassVar[str] = """
    MatrixView {
        & > KeyedTable > .datatable--fixed { background: $background; color: $foreground; }
        /* A fixed height, because a resized table redraws all its cells. */
        & > .summary { height: 5; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        verb("next", "judge", id="win_rates.next_judge", tooltip="Show the next judge"),
    ]

    def __init__(self) -> None:
        super().__init__(id="matrix")
        self._tests: tuple[PairedTest, ...] | None = None
        self._requested: tuple[str, ...] | None = None
        self._at = 0
        self._shown: Matrix | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="heading", markup=False)
        yield _Cells()
        yield Static(classes="summary", markup=False)

    @property
    def rate(self) -> WinRate | None:
        sides = self._sides()
        if self._shown is None or sides is None:
            return None
        direct = self._shown.cell(*sides).direct
        return direct[0] if direct else None

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        changed = found != self.rates or not found
        self.rates = found
        finished = win_rates.finished(found)
        if finished != self._requested:
            self._requested = finished
            self.app.read(
                "paired tests", lambda workspace: workspace.evaluation.paired_tests(), self._receive
            )
        if changed:
            self._draw()

    def on_resize(self, event: Resize) -> None:
        if self._shown is not None:
            self._fill(self._shown)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        event.stop()
        if event.coordinate.column == 0:
            # The first column has the names of the rows.
            event.data_table.move_cursor(column=1, animate=False)
        else:
            self._describe()

    def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        event.stop()
        sides = self._sides()
        if sides is None or sides[0] == sides[1]:
            self.app.show_message("select a cell of two responders to open their pairs")
            return
        rate = self.rate
        # Two responders without a comparison are shown without verdicts.
        self.open_pairs([(sides[1], sides[0]) if rate is None else (rate.a, rate.b)])

    def action_judge(self) -> None:
        if len(win_rates.judges(self.rates)) < 2:
            self.app.show_message("there is no other judge")
            return
        self._at += 1
        self._draw()

    def _receive(self, found: Sequence[PairedTest]) -> None:
        self._tests = tuple(found)
        self._draw()

    def _sides(self) -> tuple[str, str] | None:
        """The responders of the row and of the column under the cursor."""
        at, shown = self.query_one(KeyedTable).cursor_coordinate, self._shown
        if shown is None or at.row >= len(shown.responders) or not 0 < at.column <= len(shown.responders):
            return None
        return shown.responders[at.row], shown.responders[at.column - 1]

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        judges = win_rates.judges(self.rates)
        self.reveal(bool(judges))
        if not judges:
            self._shown = None
            self.query_one(".heading", Static).update("There are no comparisons yet.")
            self._describe()
            return
        judge = judges[self._at % len(judges)]
        self._shown = matrix.matrix(self.rates, self._tests or (), judge)
        more = self.judge_hint(self._at % len(judges), len(judges))
        waiting = "; computing paired differences …" if self._tests is None else ""
        self.query_one(".heading", Static).update(
            Content("\n").join(
                [
                    Content.assemble(
                        (f"Row vs. column, judge {visible(judge)}", "bold"),
                        (
                            f"{more}  % win rate, Δ paired difference, * significant{self.pairs_hint}",
                            "$text-muted",
                        ),
                        (waiting, "$text-muted"),
                    ),
                    self.judge_line(judge),
                ]
            )
        )
        self._fill(self._shown)

    def _fill(self, shown: Matrix) -> None:
        table, at = self.query_one(KeyedTable), self.query_one(KeyedTable).cursor_coordinate
        longest = max(len(visible(name)) for name in shown.responders) + _NUMBER
        name = max(_NAME, min(longest, self.size.width * 2 // 5))
        # Rather a shorter name than a column that is cut.
        rest = self.size.width - 3 - len(shown.responders) * (_CELL + 2)
        if _NAME <= rest < name:
            name = rest
        columns = [
            Column(responder, str(number), _CELL, "right")
            for number, responder in enumerate(shown.responders, start=1)
        ]
        table.set_columns([Column("\0name", "", name), *columns])
        table.put(
            {
                row: [self._named(number, row, name), *(self._cell(shown, row, c) for c in shown.responders)]
                for number, row in enumerate(shown.responders, start=1)
            }
        )
        last = len(shown.responders)
        table.move_cursor(row=min(at.row, last - 1), column=max(1, min(at.column, last)), animate=False)
        self._describe()

    def _named(self, number: int, responder: str, width: int) -> Text:
        return Text.assemble(
            (f"{number:>2} ", shade(self.app, "text-muted")),
            formats.shorten(visible(responder), width - _NUMBER),
        )

    def _cell(self, shown: Matrix, row: str, column: str) -> Text:
        if row == column:
            return Text("")
        found = shown.cell(row, column)
        text = matrix.mark(found, row)
        if not found.direct:
            return Text(text, f"italic {shade(self.app, 'text-muted')}")
        return Text(text, "bold" if text != formats.UNKNOWN else shade(self.app, "text-muted"))

    def _describe(self) -> None:
        sides, summary = self._sides(), self.query_one(".summary", Static)
        summary.display = sides is not None
        if sides is None or self._shown is None:
            return
        row, column = sides
        head = Content.styled(f"{visible(row)} vs. {visible(column)}", "bold")
        sentences = matrix.sentences(self._shown.cell(row, column), row, column)
        summary.update(Content("\n").join([head, *(Content(visible(text)) for text in sentences[:3])]))
