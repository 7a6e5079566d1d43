"""Draws the visible lines of a log: cursor, levels, matches, wrapped lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.screens.logs import line_text, log_window

if TYPE_CHECKING:
    from core.api import LogLevel, LogLine, LogPage

#: The prefix of a record's first line, and of its other lines.
GLYPHS: dict[LogLevel, tuple[str, str]] = {
    "debug": ("·", " "),
    "info": (" ", " "),
    "warning": ("▲", "│"),
    "error": ("✗", "│"),
}
#: Width of the glyph and a space.
_GUTTER = 2
#: Cells per key press of horizontal scrolling.
_ASIDE = 16
#: Rows per step of the mouse wheel.
_WHEEL = 3
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* ")


class _ScreenRow(NamedTuple):
    """Characters `begin` to `end` of a line, by its index in the window."""

    place: int
    begin: int
    end: int


class LogView(Widget, can_focus=True):
    """Shows a part of the window's lines; the cursor is always on a visible line."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"log-view--{level}" for level in GLYPHS),
        *("log-view--date", "log-view--match", "log-view--cursor"),
    }
    DEFAULT_CSS: ClassVar[str] = """
    LogView {
        height: 1fr;
        background: $background;
        & > .log-view--debug { color: $text-muted; }
        & > .log-view--warning { color: $text-warning; }
        & > .log-view--error { color: $text-error; }
        & > .log-view--date { color: $text-muted; }
        & > .log-view--match { color: $background; background: $warning; text-style: bold underline; }
        & > .log-view--cursor {
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus > .log-view--cursor {
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "line(1)", "Down", show=False),
        Binding("up,k", "line(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding(
            "right,l", "aside(1)", "Right", id="logs.right", show=False, tooltip="Scroll long lines right"
        ),
        Binding("left,h", "aside(-1)", "Left", id="logs.left", show=False, tooltip="Scroll long lines left"),
    ]

    class CursorMoved(Message):
        """The user moved to another position in the log."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.window = log_window.EMPTY
        #: The message if there are no lines.
        self._nothing = ""
        self._words = ""
        self._wraps = False
        #: Horizontal scroll offset in cells.
        self._aside = 0
        self._cursor = 0
        #: The first visible line, and the number of its rows above the view.
        self._top = (0, 0)
        self._laid: Sequence[_ScreenRow] | None = None

    @property
    def current(self) -> LogLine | None:
        """The line under the cursor."""
        return self.window.lines[self._cursor] if self.window.lines else None

    @property
    def is_at_end(self) -> bool:
        """Whether the cursor is on the window's last line."""
        return self._cursor >= len(self.window.lines) - 1

    @property
    def wraps(self) -> bool:
        return self._wraps

    @property
    def seen(self) -> Sequence[LogLine]:
        """The lines that are visible at least in part."""
        return tuple(self.window.lines[index] for index in dict.fromkeys(row.place for row in self._rows()))

    @property
    def spare(self) -> tuple[int, int]:
        """The number of lines above and below the visible ones; -1 below while rows are empty."""
        rows = self._rows()
        if len(rows) < self.size.height:
            return self._top[0], -1
        return self._top[0], len(self.window.lines) - 1 - rows[-1].place

    def show(self, window: LogPage, *, at: int | None = None, follow: bool = False) -> None:
        """Show a window: its end with `follow`, its line at byte `at`, or the current position."""
        before, cursor, (top, skip) = self.window, self._cursor, self._top
        self.window = window
        if follow:
            self._cursor = max(0, len(window.lines) - 1)
            self._top = self._bottom()
        elif at is not None:
            self._go_to(log_window.index(window, at))
        elif before.lines:
            self._cursor = log_window.index(window, before.lines[cursor].start)
            found = log_window.index(window, before.lines[top].start)
            self._top = min((found, min(skip, self._height(found) - 1)), self._bottom())
        self._draw()

    def show_reason(self, nothing: str) -> None:
        """Show a message instead of lines."""
        if nothing != self._nothing:
            self._nothing = nothing
            self._draw()

    def mark(self, words: str) -> None:
        """Mark all matches of these words."""
        if words != self._words:
            self._words = words
            self._draw()

    def wrap(self, wraps: bool) -> None:
        """Wrap or cut long lines."""
        self._wraps, self._aside = wraps, 0
        self._keep_in_sight()
        self._draw()

    def record(self) -> Sequence[LogLine]:
        """The lines of the record under the cursor within the window."""
        lines = self.window.lines
        if not lines:
            return ()
        begin = self._cursor
        while begin > 0 and not lines[begin].is_first:
            begin -= 1
        end = self._cursor + 1
        while end < len(lines) and not lines[end].is_first:
            end += 1
        return lines[begin:end]

    def action_line(self, by: int) -> None:
        rows = self._rows()
        if not rows:
            return
        edge = rows[-1] if by > 0 else rows[0]
        # A line that is higher than the view is scrolled through first.
        hidden = edge.place == self._cursor and (
            edge.end < len(line_text.shown(self.window.lines[self._cursor])) if by > 0 else edge.begin > 0
        )
        if self._wraps and hidden:
            self._scroll(by)
        else:
            self._cursor = max(0, min(self._cursor + by, len(self.window.lines) - 1))
            self._keep_in_sight()
        self._report_move()

    def action_page(self, by: int) -> None:
        before = self._top
        self._scroll(by * max(1, self.size.height - 1))
        if self._top == before:
            self._cursor = max(0, len(self.window.lines) - 1) if by > 0 else 0
        self._bring_cursor()
        self._report_move()

    def action_aside(self, by: int) -> None:
        if self._wraps:
            return
        longest = max((cell_len(line_text.shown(line)) for line in self.seen), default=0)
        self._aside = max(0, min(self._aside + by * _ASIDE, longest - self._width // 2))
        self._draw()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._wheel(event, _WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._wheel(event, -_WHEEL)

    def on_click(self, event: Click) -> None:
        rows = self._rows()
        if event.y < len(rows):
            self._cursor = rows[event.y].place
            self._report_move()

    def on_resize(self, event: Resize) -> None:
        self._keep_in_sight()
        self._draw()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        rows = self._rows()
        if not rows and y == 1:
            style = self.rich_style + self.get_component_rich_style("log-view--date", partial=True)
            return self._strip([Segment(f"  {self._nothing}", style)], self.rich_style)
        if y >= len(rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self._draw_row(rows[y])

    def _draw_row(self, row: _ScreenRow) -> Strip:
        line = self.window.lines[row.place]
        base = self.rich_style
        if row.place == self._cursor:
            base += self.get_component_rich_style("log-view--cursor", partial=True)
        style = base + self.get_component_rich_style(f"log-view--{line.level}", partial=True)
        first, other = GLYPHS[line.level]
        glyph = first if line.is_first and row.begin == 0 else other
        plain = line_text.shown(line)
        text = Text(plain[row.begin : row.end], end="")
        # As a span, because a text without spans is rendered without its style.
        text.stylize(style)
        if line.is_first and (date := _DATE.match(plain)):
            self._put(text, row, date.span(), "log-view--date")
        for match in line_text.matches(plain, self._words):
            self._put(text, row, match, "log-view--match")
        strip = self._strip([Segment(f"{glyph} ", style), *text.render(self.app.console)], base)
        if self._wraps or row.end == len(plain):
            return strip
        more = base + self.get_component_rich_style("log-view--date", partial=True)
        return Strip.join([strip.crop(0, self.size.width - 1), Strip([Segment("…", more)])])

    def _put(self, text: Text, row: _ScreenRow, span: tuple[int, int], name: str) -> None:
        begin, end = max(span[0] - row.begin, 0), min(span[1], row.end) - row.begin
        if begin < end:
            text.stylize(self.get_component_rich_style(name, partial=True), begin, end)

    def _strip(self, segments: Sequence[Segment], base: Style) -> Strip:
        return Strip(segments).adjust_cell_length(self.size.width, base)

    @property
    def _width(self) -> int:
        return max(1, self.size.width - _GUTTER)

    def _cuts(self, index: int) -> Sequence[tuple[int, int]]:
        """The rows of a line, as spans of its characters."""
        text = line_text.shown(self.window.lines[index])
        return (
            line_text.wrapped(text, self._width)
            if self._wraps
            else (line_text.cut(text, self._aside, self._width),)
        )

    def _height(self, index: int) -> int:
        return len(self._cuts(index)) if self._wraps and self.window.lines else 1

    def _rows(self) -> Sequence[_ScreenRow]:
        """The content of each row of the view."""
        if self._laid is None:
            rows: list[_ScreenRow] = []
            index, skip = self._top
            while index < len(self.window.lines) and len(rows) < self.size.height:
                rows += [_ScreenRow(index, *cut) for cut in self._cuts(index)[skip:]]
                index, skip = index + 1, 0
            self._laid = rows[: self.size.height]
        return self._laid

    def _bottom(self) -> tuple[int, int]:
        """The position of the view at the end of the window."""
        return self._above(len(self.window.lines) - 1, self.size.height)

    def _above(self, index: int, rows: int) -> tuple[int, int]:
        """The position of the view that puts a line's last row at row `rows`."""
        while index >= 0:
            height = self._height(index)
            if height >= rows:
                return index, height - rows
            rows, index = rows - height, index - 1
        return 0, 0

    def _go_to(self, index: int) -> None:
        """Put the cursor on a line, and show it a third down the view."""
        self._cursor = index
        top = self._above(index - 1, self.size.height // 3) if index else (0, 0)
        self._top = min(top, self._bottom())

    def _scroll(self, rows: int) -> None:
        index, skip = self._top
        skip += rows
        while skip < 0 and index > 0:
            index -= 1
            skip += self._height(index)
        while index < len(self.window.lines) and skip >= self._height(index):
            skip -= self._height(index)
            index += 1
        self._top = min((index, max(0, skip)), self._bottom())
        self._laid = None

    def _keep_in_sight(self) -> None:
        """Scroll the min distance that makes the cursor's line visible."""
        if not self.window.lines:
            return
        first = min(self._top, (self._cursor, 0))
        last = self._above(self._cursor, self.size.height)
        # Show the beginning of a line that does not fit.
        self._top = min(max(first, last), (self._cursor, 0))
        self._laid = None

    def _bring_cursor(self) -> None:
        """Move the cursor to a visible line."""
        rows = self._rows()
        if rows:
            self._cursor = max(rows[0].place, min(self._cursor, rows[-1].place))

    def _wheel(self, event: MouseScrollDown | MouseScrollUp, rows: int) -> None:
        event.stop()
        self._scroll(rows)
        self._bring_cursor()
        self._report_move()

    def _draw(self) -> None:
        self._laid = None
        self.refresh()

    def _report_move(self) -> None:
        self._draw()
        self.post_message(self.CursorMoved())
