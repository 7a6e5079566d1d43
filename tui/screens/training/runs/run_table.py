"""The table of runs: settings in which they differ, results and notes, in columns that sort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.components.listing import ListEntry, Listing
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import runs as table
from tui.format import values as formats
from tui.format.runs import RunColumn, RunResults
from tui.format.text import visible

if TYPE_CHECKING:
    from textual import getters

    from core.api import Run
    from tui.navigation.host import HostApp
    from tui.screens.training.charts.run_marks import DrawnRun

#: The column that is left out where no run has a value.
_OPTIONAL = "tokens"
#: The names' share of a table's width at most, and their widths at least and at most.
_NAMES, _NARROWEST, _WIDEST = 0.52, 20, 64
#: The ids of bindings, each with its usual key and what it does.
_HINTS = (
    ("list.sort", ">", "sort"),
    ("list.filter", "/", "search"),
    ("training.archive", "a", "archive"),
    ("training.tag", "T", "tags"),
    ("training.note", "N", "note"),
    ("training.delete", "D", "delete"),
)


@dataclass(frozen=True)
class _RunRow:
    """A run with its number in the charts, and the columns that it is drawn in."""

    results: RunResults
    mark: str
    colour: str
    columns: tuple[str, ...]
    name_width: int


class RunTable(Vertical):
    """All runs as rows."""

    DEFAULT_CSS: ClassVar[str] = """
    RunTable {
        height: 1fr;
        & KeyedTable > .datatable--fixed { background: $background; color: $foreground; }
        & > #about-runs { height: 1; padding: 0 1; color: $text-muted; }
        & > #about-run { height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "scroll_columns(-1)", "Columns left", show=False),
        Binding("right,l", "scroll_columns(1)", "Columns right", show=False),
    ]

    if TYPE_CHECKING:
        app = getters.app(HostApp)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._found: Sequence[Run] = ()
        self._sizes: Mapping[str, int] = {}
        self._shown: Sequence[RunColumn] = ()
        #: The run to move the cursor to, once it is in the table.
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="about-runs", markup=False)
        yield Listing(
            id="run-rows",
            words="words in a run's name, settings, tags or note",
            opens="Charts",
            reading="results of runs",
            draw=self._entry,
        )
        yield Static(id="about-run", markup=False)

    def on_mount(self) -> None:
        self.listing.table.fixed_columns = 2

    @property
    def listing(self) -> Listing[_RunRow]:
        return self.query_one("#run-rows", Listing)

    @property
    def selected(self) -> Run | None:
        """The run under the cursor."""
        key = self.listing.selected_key
        return next((run for run in self._found if run.job == key), None)

    def show(
        self, found: Sequence[Run], sizes: Mapping[str, int], drawn: Sequence[DrawnRun], archived: int
    ) -> None:
        """Show these runs; `drawn` are those in the charts, `archived` the number of hidden ones."""
        self._found, self._sizes = found, sizes
        results = [RunResults(run, sizes.get(run.job)) for run in found]
        self._shown = [
            column
            for column in table.columns(found)
            if column.key != _OPTIONAL or any(column.value(row) for row in results)
        ]
        width = self.size.width or self.app.size.width
        longest = max((len(visible(run.name)) for run in found), default=0)
        name_width = max(_NARROWEST, min(longest, _WIDEST, int(width * _NAMES)))
        marks = {run.job: (run.number, run.colour) for run in drawn}
        keys = tuple(column.key for column in self._shown)
        rows = {
            row.run.job: _RunRow(row, *marks.get(row.run.job, ("", "")), keys, name_width) for row in results
        }
        self.listing.show(self._columns(name_width), rows)
        self._seek()
        superseded = sum(run.is_superseded for run in found)
        parts = [formats.counted(len(found), "run")]
        parts += [f"{superseded} superseded"] if superseded else []
        parts += [f"{archived} archived and hidden"] if archived else []
        about = "  ·  ".join(parts)
        known = [f"{self.app.key_name(name, usual)} {what}" for name, usual, what in _HINTS]
        hints = "   ".join(_fitting(("← → columns", *known), width - len(about) - 7))
        self.query_one("#about-runs", Static).update(
            Content.assemble((about, "$foreground"), f"     {hints}"), layout=False
        )
        self.describe()

    def seek(self, job: str) -> None:
        """Move the cursor to a run, once it is in the table."""
        self._wanted = job
        self._seek()

    def _seek(self) -> None:
        if self._wanted is not None and self.listing.select(self._wanted):
            self._wanted = None

    def describe(self) -> None:
        """Show the whole name, the tags and the note of the run under the cursor, and all its win rates."""
        run, about = self.selected, self.query_one("#about-run", Static)
        about.display = run is not None
        if run is None:
            return
        lines = [Content.styled(visible(run.name), "$foreground")]
        notes = [*(f"#{tag}" for tag in run.notes.tags), " ".join(run.notes.note.split())]
        if any(notes):
            lines.append(Content(visible("  ".join(part for part in notes if part))))
        rates = [f"{formats.percent(rate.win_rate_b, 1)} over {rate.a} by {rate.judge}" for rate in run.rates]
        if rates:
            lines.append(Content(visible("wins " + ", ".join(rates))))
        about.update(Content("\n").join(lines))

    def action_scroll_columns(self, by: int) -> None:
        self.listing.table.scroll_columns(by)

    def _columns(self, name_width: int) -> list[Column]:
        return [
            Column("mark", "", 2),
            *(
                Column(
                    column.key,
                    column.label,
                    name_width if column.key == "run" else column.width,
                    "left" if column.is_words else "right",
                )
                for column in self._shown
            ),
        ]

    def _entry(self, row: _RunRow) -> ListEntry:
        muted = shade(self.app, "text-muted")
        results, run = row.results, row.results.run
        cells = [Text(row.mark, row.colour)]
        for column in self._shown:
            text = visible(column.text(results))
            style = muted if run.is_superseded and column.key != "run" else ""
            if column.key == "run":
                text = formats.shorten(text, row.name_width)
            elif column.key == "state" and not run.is_superseded:
                style = shade(self.app, table.look(run).colour)
            cells.append(Text(text, style))
        values = {column.key: column.value(results) for column in self._shown}
        return ListEntry(cells, table.words(results), values)


def _fitting(hints: Sequence[str], width: int) -> Iterator[str]:
    """As many of the hints as there is room for, three blanks apart."""
    for hint in hints:
        width -= len(hint) + 3
        if width + 3 < 0:
            return
        yield hint
