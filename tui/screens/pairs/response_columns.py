"""Contents side by side, in columns of equal width."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

#: Padding in cells on either side of a column's text.
_EDGE = 1


class ResponseColumns(Visual):
    """Each content in one of `columns` columns, below a heading of the full width.

    The `chosen` one has the cursor's colour.
    """

    def __init__(
        self,
        cells: Sequence[Content],
        *,
        columns: int,
        head: Content | None = None,
        chosen: int | None = None,
    ) -> None:
        self._cells = cells
        self._columns = columns
        self._head = head
        self._chosen = chosen

    def choose(self, chosen: int | None) -> ResponseColumns:
        """The same columns with another `chosen`."""
        return ResponseColumns(self._cells, columns=self._columns, head=self._head, chosen=chosen)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        # An empty line separates the rows.
        return (self._head is not None) + self._tallest(rules, self._inner(width)) + 1

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        inner = self._inner(width)
        tallest = self._tallest(options.rules, inner)
        columns = []
        for number, cell in enumerate(self._cells):
            own = style
            if number == self._chosen:
                own += options.get_style("on $block-cursor-background")
            columns.append(_block(cell.render_strips(inner, None, own, options), inner, tallest, own))
        lines = [Strip.join(parts) for parts in zip(*columns, strict=True)]
        if self._head is not None:
            lines[:0] = _block(
                self._head.render_strips(width, 1, style, options), width - 2 * _EDGE, 1, style
            )
        return [*lines, Strip.blank(width, style.rich_style)]

    def _inner(self, width: int) -> int:
        return max(1, width // self._columns - 2 * _EDGE)

    def _tallest(self, rules: RulesMap, inner: int) -> int:
        return max((cell.get_height(rules, inner) for cell in self._cells), default=0)


def _block(strips: Sequence[Strip], width: int, height: int, style: Style) -> list[Strip]:
    """The strips padded to a block of this size."""
    rich = style.rich_style
    edge = Strip.blank(_EDGE, rich)
    lines = [Strip.join([edge, strip.adjust_cell_length(width, rich), edge]) for strip in strips]
    return lines + [Strip.blank(width + 2 * _EDGE, rich)] * (height - len(lines))
