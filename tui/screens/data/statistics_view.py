"""Charts of the imported data, in two columns if the terminal is wide enough."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.components.reading_area import ReadingArea
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.data import findings
from tui.format.text import visible
from tui.navigation.bindings import verb
from tui.screens.data import charts as data_charts
from tui.screens.data import finding_lines

if TYPE_CHECKING:
    from textual import getters

    from core.api import DialogueCounts, ImportedData, Recipe, Statistics, Workspace
    from tui.navigation.host import HostApp

#: There are two columns from this width on.
WIDE = 140
_SECTIONS = {
    "left": ("split", "ratings", "words", "crosstabs"),
    "right": ("emotions", "recipes"),
}

StatisticsData = tuple["ImportedData | None", "Statistics | None", "tuple[Recipe, ...]"]


class StatisticsView(ReadingArea):
    """Each section is drawn for its width."""

    DEFAULT_CSS: ClassVar[str] = """
    StatisticsView {
        padding: 1 2 0 2;
        scrollbar-gutter: stable;
        & #columns { layout: vertical; height: auto; }
        & Vertical { height: auto; width: 1fr; }
        & Static { height: auto; margin: 0 0 1 0; }
        &.wide #columns { layout: horizontal; }
        &.wide #left { margin: 0 4 0 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        verb("next", "section(1)", id="data.next_section", tooltip="Next section", show=True),
        verb("previous", "section(-1)", id="data.previous_section", tooltip="Previous section"),
    ]

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__(id="statistics")
        self._seen: StatisticsData | None = None
        self._counts: DialogueCounts | None = None
        #: The width of the last drawing.
        self._width = 0

    def compose(self) -> ComposeResult:
        yield Static(id="about", markup=False)
        yield Static(id="findings", markup=False)
        with Container(id="columns"):
            for column, sections in _SECTIONS.items():
                with Vertical(id=column):
                    for section in sections:
                        yield Static(id=section, markup=False)

    def on_resize(self, event: Resize) -> None:
        # A view that is shown again gets its old size first.
        if event.size.width != self._width:
            self._width = event.size.width
            self.set_class(event.size.width >= WIDE, "wide")
            self._draw()

    def read(self, counts: DialogueCounts) -> None:
        """Read the statistics, and redraw if they differ."""
        self.app.read("statistics", _look, partial(self._receive, counts))

    def enter(self) -> None:
        """Take the focus."""
        self.focus()

    def back(self) -> bool:
        """Nothing to step back from."""
        return False

    def action_section(self, by: int) -> None:
        tops = sorted({self._top(section) for section in self.query("#columns Static").results(Static)})
        if by > 0:
            wanted = next((top for top in tops if top > self.scroll_y), None)
        else:
            wanted = next((top for top in reversed(tops) if top < self.scroll_y), 0)
        if wanted is not None:
            self.scroll_to(y=wanted, animate=False)

    def _top(self, section: Static) -> int:
        """The row where a section begins."""
        return section.region.y - self.content_region.y + int(self.scroll_y)

    def _receive(self, counts: DialogueCounts, seen: StatisticsData) -> None:
        if (counts, seen) != (self._counts, self._seen):
            self._counts, self._seen = counts, seen
            self._draw()

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._draw()

    def _draw(self) -> None:
        if self._seen is None or self._counts is None or not self.size.width:
            return
        imported, statistics, recipes = self._seen
        self.query_one("#columns").display = statistics is not None
        noted = [] if imported is None else _findings(imported)
        self.query_one("#findings").display = bool(noted)
        self.query_one("#findings", Static).update(Content("\n").join(noted))
        if imported is None or statistics is None:
            key = self.app.key_name("app.import", "i")
            self.query_one("#about", Static).update(
                f"There is no data yet: press {key} to import a file of dialogues."
            )
            return
        sentiments = "".join(
            f" · {formats.count(number)} {visible(name)}"
            for name, number in statistics.sentiments.items()
            if name
        )
        self.query_one("#about", Static).update(
            Content.assemble(
                (formats.count(self._counts.total), "bold"),
                f" dialogues · {sum(1 for name in statistics.emotions if name)} emotions{sentiments}",
                (
                    f"   {visible(imported.file)}, SHA-256 {visible(imported.file_sha256[:16])}…",
                    "$text-muted",
                ),
            )
        )
        inner = self.scrollable_content_region.width
        width = (inner - 4) // 2 if self.has_class("wide") else inner
        paint = partial(shade, self.app)
        charts: dict[str, tuple[str, str, RenderableType]] = {
            "split": ("Split", "", data_charts.split(self._counts, width, paint)),
            "ratings": ("Ratings per source", "", data_charts.rated(statistics.sources, width, paint)),
            "words": ("Words per response", "", data_charts.lengths(statistics.sources, width, paint)),
            "crosstabs": (
                "Human rating vs. a source's",
                "   the source is rated ↑ higher, = equal, ↓ lower",
                data_charts.crosstabs(statistics.crosstabs, width, paint),
            ),
            "emotions": ("Emotions", "", data_charts.emotions(statistics.emotions, width, paint)),
            "recipes": ("Recipes", "", data_charts.recipes(recipes, width, paint)),
        }
        for section, (title, key, chart) in charts.items():
            heading = Text.assemble((title, "bold"), (key, paint("text-muted")))
            self.query_one(f"#{section}", Static).update(Group(heading, chart))


def _findings(imported: ImportedData) -> list[Content]:
    """What the import left out, and suspicious texts."""
    if imported.suspicious is None:
        return [Content.styled(f"Suspicious texts: {findings.UNKNOWN}", "$text-muted")]
    return list(finding_lines.of_import(imported.left_out or (), imported.suspicious))


def _look(workspace: Workspace) -> StatisticsData:
    return workspace.data.imported(), workspace.data.statistics(), workspace.data.recipes()
