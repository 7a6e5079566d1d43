"""Shows finished charts with their titles and a common cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.components.theme import shade
from tui.format.text import visible
from tui.screens.training.charts import ticks

if TYPE_CHECKING:
    from tui.screens.training.charts.curve_view import CurveValues, Drawing, Tile
    from tui.screens.training.charts.plotting import Chart


class ChartArea(Widget):
    """Shows a drawing unchanged; adds titles and the cursor."""

    DEFAULT_CSS: ClassVar[str] = """
    ChartArea { width: 1fr; height: 1fr; background: $background; }
    """

    class Resized(Message):
        """The size of the area changed."""

    class Pointed(Message):
        """The mouse selected an x in a metric's chart."""

        def __init__(self, metric: str, x: float) -> None:
            super().__init__()
            self.metric = metric
            self.x = x

    class Wheeled(Message):
        """The mouse wheel was used at an x."""

        def __init__(self, to: Literal["in", "out"], x: float) -> None:
            super().__init__()
            self.to = to
            self.x = x

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawing: Drawing | None = None
        self._x: float | None = None
        #: Tile → the cells where the cursor crosses its curves.
        self._met: dict[Tile, dict[int, str]] = {}
        self._metric = ""
        self._says = ""
        #: The style below all cells.
        self._ground = Style()

    def show(self, drawing: Drawing | None, says: str = "") -> None:
        """Show these charts, or a message if there are none."""
        self._drawing, self._says = drawing, says
        self._met.clear()
        self.refresh()

    def point(self, x: float | None) -> None:
        """Move the cursor to x, or hide it; only the old and the new cells are redrawn."""
        if x == self._x:
            return
        before, self._x = self._x, x
        self._met.clear()
        drawing = self._drawing
        for tile in drawing.tiles if drawing is not None else ():
            self.refresh(Region(tile.x, tile.y, tile.width, 1))
            for at in (before, x):
                column = None if at is None or tile.chart is None else tile.chart.column(at)
                if column is not None:
                    self.refresh(Region(tile.x + column, tile.y, 1, tile.height))

    def choose(self, metric: str) -> None:
        """Mark the chart of this metric."""
        if metric != self._metric:
            self._metric = metric
            self.refresh()

    def on_resize(self, event: Resize) -> None:
        self.post_message(self.Resized())

    def on_click(self, event: Click) -> None:
        found = self._at(event.x, event.y)
        if found is not None:
            tile, chart = found
            self.post_message(self.Pointed(tile.metric, chart.x(event.x - tile.x)))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._wheel("in", event.x, event.y)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._wheel("out", event.x, event.y)

    def render_line(self, y: int) -> Strip:
        """The segments of all tiles in a row."""
        if self._drawing is None or not any(tile.chart for tile in self._drawing.tiles):
            return self._saying(y)
        parts: list[Strip] = []
        at = 0
        # Tiles are ordered by rows, then from left to right.
        for tile in self._drawing.tiles:
            if tile.y <= y < tile.y + tile.height:
                parts += [
                    Strip.blank(tile.x - at),
                    self._row(tile, y - tile.y).adjust_cell_length(tile.width),
                ]
                at = tile.x + tile.width
        return Strip.join(parts).adjust_cell_length(self.size.width).apply_style(self._ground)

    def notify_style_update(self) -> None:
        self._ground = self.rich_style
        super().notify_style_update()

    def _at(self, x: int, y: int) -> tuple[Tile, Chart] | None:
        for tile in self._drawing.tiles if self._drawing is not None else ():
            inside = tile.x <= x < tile.x + tile.width and tile.y <= y < tile.y + tile.height
            if inside and tile.chart is not None:
                return tile, tile.chart
        return None

    def _wheel(self, to: Literal["in", "out"], x: int, y: int) -> None:
        found = self._at(x, y)
        if found is not None:
            self.post_message(self.Wheeled(to, found[1].x(x - found[0].x)))

    def _saying(self, y: int) -> Strip:
        width = self.size.width
        text = visible(self._says)[:width] if y == self.size.height // 2 else ""
        style = Style(color=shade(self.app, "text-muted"))
        return Strip([Segment(f"{text:^{width}}", style)], width).apply_style(self._ground)

    def _row(self, tile: Tile, row: int) -> Strip:
        if row == 0:
            return self._title(tile)
        if tile.chart is None:
            text = "not logged" if row == tile.height // 2 else ""
            return Strip([Segment(f"{text:^{tile.width}}", Style(color=shade(self.app, "text-muted")))])
        if row > len(tile.chart.strips):
            return Strip([])
        strip = tile.chart.strips[row - 1]
        column = None if self._x is None else tile.chart.column(self._x)
        if column is None or row > tile.chart.rows:
            return strip
        colour = self._crossings(tile, tile.chart).get(row - 1)
        cell = Segment("│" if colour is None else "●", Style(color=colour or shade(self.app, "text-accent")))
        return Strip.join([strip.crop(0, column), Strip([cell], 1), strip.crop(column + 1)])

    def _crossings(self, tile: Tile, chart: Chart) -> dict[int, str]:
        """The rows where the cursor crosses a curve, with the curve's colour."""
        if tile not in self._met:
            found = ((reading, reading.at(self._x)) for reading in tile.readings)
            rows = {chart.row(value[1]): reading.run.colour for reading, value in found if value is not None}
            self._met[tile] = {row: colour for row, colour in rows.items() if row is not None}
        return self._met[tile]

    def _title(self, tile: Tile) -> Strip:
        """The metric's name, notes on values that cannot be drawn, and its values at the cursor."""
        is_chosen = tile.metric == self._metric
        name_style = Style(
            color=shade(self.app, "text-accent" if is_chosen else "foreground"), bold=is_chosen
        )
        title = f"{tile.metric} · {tile.stage}" if tile.stage else tile.metric
        values = self._values(tile, smooth=True)
        if len(title) + sum(segment.cell_length for segment in values) > tile.width - 3:
            # The name has priority over the notes.
            values = self._values(tile, smooth=False)
        free = tile.width - sum(segment.cell_length for segment in values) - 2
        name = visible(title)
        if len(name) > free:
            name = name[: max(0, free - 1)] + "…"
        parts = [Segment(("▸" if is_chosen else " ") + name, name_style)]
        left = free - len(name) - 3
        note = "✗ " + "; ".join(tile.notes)
        if tile.notes and left >= 3:
            text = note if len(note) <= left else note[: left - 1] + "…"
            parts += [Segment("  " + text, Style(color=shade(self.app, "text-warning")))]
        gap = tile.width - sum(segment.cell_length for segment in parts + values)
        return Strip([*parts, Segment(" " * max(0, gap)), *values])

    def _values(self, tile: Tile, *, smooth: bool) -> list[Segment]:
        segments: list[Segment] = []
        for reading in sorted(tile.readings, key=lambda reading: reading.run.number):
            segments += self._value(reading, alone=len(tile.readings) == 1, smooth=smooth)
        wide = sum(segment.cell_length for segment in segments) > tile.width * 3 // 5
        # The last is on top: the selected run.
        return (
            self._value(tile.readings[-1], alone=True, smooth=smooth) if wide and tile.readings else segments
        )

    def _value(self, reading: CurveValues, *, alone: bool, smooth: bool) -> list[Segment]:
        found = reading.at(self._x)
        if found is None:
            return []
        value, average = found
        style = Style(color=reading.run.colour)
        number = [] if alone else [Segment(f" {reading.run.number}", style + Style(bold=True))]
        text = f" {ticks.number(value)}"
        if smooth and reading.smooth is not reading.values:
            text += f" ~{ticks.number(average)}"
        return [*number, Segment(text + " ", style)]
