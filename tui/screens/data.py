"""Data: what is imported, in figures, and what each recipe yields from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import format as figures
from tui.screens.base import RoomScreen
from tui.text import visible
from tui.theme import shade

if TYPE_CHECKING:
    from core.api import DataFacts, DialogueCounts, Reader, Recipe, Snapshot, Statistics

_NOTHING = "There is no data yet: press i to import a CSV of rated dialogues."

_Seen = tuple["DataFacts | None", "Statistics | None", "tuple[Recipe, ...]"]


class DataScreen(RoomScreen):
    """Counts, ratings per source, one source's crosstab, recipes."""

    ROOM = "data"
    ABOUT = "The imported dialogues in figures, and what each recipe yields from them."
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next_source", "Next source", id="data.next", tooltip="Crosstab of the next source"),
        Binding("i", "app.import_data", "Import", id="data.import", tooltip="Check and import a CSV"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: _Seen | None = None
        self._source = 0

    def body(self) -> ComposeResult:
        with VerticalScroll(id="scroll"):
            yield Static(id="figures", markup=False)

    def on_mount(self) -> None:
        self.query_one("#scroll").focus()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("data", _look, self._receive)

    def action_next_source(self) -> None:
        if self._seen is None or self._seen[1] is None:
            self.app.tell("there is no data yet")
        else:
            self._source = (self._source + 1) % max(1, len(self._seen[1].crosstabs))
            self._draw()

    def _receive(self, seen: _Seen) -> None:
        if seen != self._seen:
            self._seen = seen
            self._draw()

    def _draw(self) -> None:
        assert self._seen is not None
        facts, statistics, recipes = self._seen
        shown = self.query_one("#figures", Static)
        if facts is None or statistics is None or self.app.snapshot is None:
            shown.update(Text(_NOTHING))
            return
        muted = shade(self.app, "text-muted")
        source = self._source % max(1, len(statistics.crosstabs))
        parts: list[RenderableType] = [
            _head(facts, statistics, self.app.snapshot.dialogues, muted),
            Text("\nRatings per source", "bold"),
            _sources(statistics, muted),
            Text("\nRecipes", "bold"),
            _recipes(recipes, muted),
        ]
        if statistics.crosstabs:
            name = visible(statistics.crosstabs[source].source)
            parts += [
                Text.assemble("\n", ("Human rating against " + name, "bold"), ("   n: next source", muted)),
                _crosstab(statistics, source, muted),
            ]
        parts += [Text("\nEmotions", "bold"), _emotions(statistics, muted)]
        shown.update(Group(*parts))


def _look(reader: Reader) -> _Seen:
    return reader.data(), reader.statistics(), reader.recipes()


def _head(facts: DataFacts, statistics: Statistics, counts: DialogueCounts, muted: str) -> Text:
    sentiments = ", ".join(
        f"{figures.count(number)} {visible(name)}" for name, number in statistics.sentiments.items() if name
    )
    return Text.assemble(
        (figures.count(counts.total), "bold"),
        f" dialogues: {figures.count(counts.train)} train, {figures.count(counts.test)} test\n",
        (f"{len(statistics.emotions)} emotions" + (f"; {sentiments}" if sentiments else ""), muted),
        (f"\n{visible(facts.file)}  SHA-256 {visible(facts.file_sha256[:16])}…", muted),
    )


def _table(*headings: str, muted: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=muted)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def _sources(statistics: Statistics, muted: str) -> Table:
    table = _table("source", "1 bad", "2 okay", "3 good", "good", "mean words", "most", muted=muted)
    for source in statistics.sources:
        rated = sum(source.ratings)
        table.add_row(
            Text(visible(source.source)),
            *(Text(figures.count(number)) for number in source.ratings),
            Text(figures.percent(source.ratings[2] / rated if rated else None), muted),
            Text(f"{source.mean_words:.1f}"),
            Text(str(source.most_words)),
        )
    return table


def _recipes(recipes: tuple[Recipe, ...], muted: str) -> Table:
    table = _table("recipe", "SFT examples", "preference pairs", muted=muted)
    for recipe in recipes:
        table.add_row(
            Text(visible(recipe.name)),
            Text(figures.count(recipe.sft_examples)),
            Text(figures.count(recipe.preference_pairs)),
        )
    return table


def _crosstab(statistics: Statistics, source: int, muted: str) -> Table:
    crosstab = statistics.crosstabs[source]
    name = visible(crosstab.source)
    table = _table("", f"{name} 1", f"{name} 2", f"{name} 3", muted=muted)
    for human, row in enumerate(crosstab.counts, start=1):
        table.add_row(Text(f"human {human}", muted), *(Text(figures.count(number)) for number in row))
    return table


def _emotions(statistics: Statistics, muted: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    items = [
        Text.assemble((f"{number:>4} ", muted), visible(name)) for name, number in statistics.emotions.items()
    ]
    for start in range(0, len(items), 4):
        table.add_row(*items[start : start + 4])
    return table
