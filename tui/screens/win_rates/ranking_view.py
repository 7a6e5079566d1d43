"""The ranking of all responders under one judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui.components.interval_bar import interval_bar
from tui.components.sortable_table import SortableTable, SortValues
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.evaluation import win_rates
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.win_rates.view import WinRatesView

if TYPE_CHECKING:
    from core.api import Job, Ranked, Ranking, WinRate

_PLACE, _STRENGTH, _INTERVAL, _WINS = 4, 8, 15, 13
#: The wins have a column of their own from this width on.
_WIDE = 110
#: The prefix of a group row's key; no name has it.
_GROUP = "\0"


class RankingView(WinRatesView):
    """Bradley–Terry strengths with their intervals."""

    BINDINGS: ClassVar[list[BindingType]] = [
        verb("next", "judge", id="win_rates.next_judge", tooltip="Show the next judge"),
    ]

    def __init__(self) -> None:
        super().__init__(id="ranking")
        self._rankings: tuple[Ranking, ...] | None = None
        self._at = 0
        self._requested: tuple[str, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="heading", markup=False)
        yield SortableTable(opens="Pairs", ordered_by="place")
        yield Static(classes="summary", markup=False)

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        self.rates = found
        finished = win_rates.finished(found)
        if finished != self._requested:
            self._requested = finished
            self.app.read("rankings", lambda workspace: workspace.evaluation.rankings(), self._receive)
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        ranking, name = self._ranking, event.row_key.value
        if ranking is None or name is None or name.startswith(_GROUP):
            self.app.show_message("select a responder to open the pairs of its comparisons")
            return
        met = [rate for rate in self.rates if rate.judge == ranking.judge and name in (rate.a, rate.b)]
        self.open_pairs([(rate.a, rate.b) for rate in met if rate.n is not None])

    def action_judge(self) -> None:
        if len(self._rankings or ()) < 2:
            self.app.show_message("no other judge has a ranking")
            return
        self._at += 1
        self._draw()

    @property
    def _ranking(self) -> Ranking | None:
        return self._rankings[self._at % len(self._rankings)] if self._rankings else None

    def _receive(self, found: Sequence[Ranking]) -> None:
        self._rankings = tuple(found)
        self._draw()

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        heading, table = self.query_one(".heading", Static), self.query_one(SortableTable)
        ranking = self._ranking
        self.reveal(ranking is not None)
        if ranking is None:
            waiting = self._rankings is None
            heading.update("computing …" if waiting else "No ranking yet: no comparison is finished.")
            return
        heading.update(self._head(ranking))
        selected = table.selected_key
        wide = self.size.width >= _WIDE
        free = self.size.width - 5 - _PLACE - _STRENGTH - _INTERVAL - 8 - (_WINS + 2 if wide else 0)
        bar = min(60, free // 2) if wide else 11
        name = max(10, free - bar)
        columns = [
            Column("place", "", _PLACE, "right"),
            Column("responder", "responder", name),
            Column("strength", "strength", _STRENGTH, "right"),
            Column("interval", "95 % interval", _INTERVAL, "right"),
            Column("bar", "0".center(bar), bar),
        ]
        if wide:
            columns.append(Column("wins", "wins / n", _WINS, "right"))
        values = {entry.responder: _values(entry) for entry in ranking.entries}
        table.show(columns, self._rows(ranking, name, bar, wide), values)
        if selected is None or not table.select(selected):
            # A group's row is a heading.
            table.move_cursor(row=1 if ranking.groups > 1 else 0, animate=False)
        self._describe()

    def _describe(self) -> None:
        """The selected responder: its full name, and the data behind its rank."""
        ranking, key = self._ranking, self.query_one(SortableTable).selected_key
        entries = () if ranking is None else ranking.entries
        entry = next((entry for entry in entries if entry.responder == key), None)
        summary = self.query_one(".summary", Static)
        summary.display = entry is not None
        if entry is not None:
            met = f"{entry.wins:,.1f} wins of {entry.dialogues:,} dialogues, a tie counts half"
            summary.update(Content.assemble((visible(entry.responder), "bold"), f"   {met}"))

    def _head(self, ranking: Ranking) -> Content:
        judges = len(self._rankings or ())
        more = self.judge_hint(self._at % judges, judges) if judges else ""
        lines = [
            Content.assemble(
                (f"Ranking by {visible(ranking.judge)}", "bold"),
                (
                    f"{more}  {formats.counted(len(ranking.entries), 'responder')}, "
                    f"{formats.counted(ranking.comparisons, 'comparison')}; "
                    f"log-strengths, 0 = average{self.pairs_hint}",
                    "$text-muted",
                ),
            ),
            self.judge_line(ranking.judge),
        ]
        if ranking.groups > 1:
            lines.append(
                Content.styled(
                    f"! {ranking.groups} groups without any common comparison: strengths of "
                    "different groups are not comparable.",
                    "$text-warning",
                )
            )
        return Content("\n").join(lines)

    def _rows(self, ranking: Ranking, name: int, bar: int, wide: bool) -> dict[str, list[Text]]:
        max_bound = (
            max((abs(end) for entry in ranking.entries for end in (entry.low, entry.high)), default=0) or 1
        )
        rows: dict[str, list[Text]] = {}
        group, place = None, 0
        for entry in ranking.entries:
            if ranking.groups > 1 and entry.group != group:
                group, place = entry.group, 0
                title = f"group {sum(key.startswith(_GROUP) for key in rows) + 1}"
                rows[_GROUP + title] = [
                    Text(""),
                    Text(title, "bold"),
                    *(Text("") for _ in range(4 if wide else 3)),
                ]
            place += 1
            cells = self._row(entry, place, max_bound, name, bar)
            rows[entry.responder] = cells if wide else cells[:-1]
        return rows

    def _row(self, entry: Ranked, place: int, max_bound: float, name: int, bar: int) -> list[Text]:
        muted, accent = shade(self.app, "text-muted"), shade(self.app, "text-accent")
        # 0 is the middle of the bar.
        at, low, high = (
            (end + max_bound) / (2 * max_bound) for end in (entry.strength, entry.low, entry.high)
        )
        return [
            Text(str(place), muted),
            Text(formats.shorten(visible(entry.responder), name)),
            Text(f"{entry.strength:+z.2f}", "bold"),
            Text(f"{entry.low:+z.2f} – {entry.high:+z.2f}", muted),
            interval_bar(at, low, high, bar, colour=accent, muted=muted),
            Text(f"{entry.wins:,.1f} / {entry.dialogues:,}", muted),
        ]


def _values(entry: Ranked) -> SortValues:
    """What a responder's row is sorted by."""
    return {
        "place": -entry.strength,
        "responder": entry.responder,
        "strength": entry.strength,
        "interval": entry.high - entry.low,
        "bar": entry.strength,
        "wins": entry.wins,
    }
