"""A text that scrolls by itself, and whose change lays out nothing else as long as its size stays."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from tui.components.reading_area import ReadingArea
from tui.format.hanging import hanging


class TextPane(ScrollView, inherit_bindings=False):
    """A text wrapped to the width; with an automatic height, at least `reserved` lines high.

    The further lines of a wrapped line are indented by `hang` cells, so that labels at the left stand alone.

    A `Static` in a `VerticalScroll` lays out the whole screen whenever its text changes. This one refreshes
    only the lines that differ, and lays out the screen if its height is automatic and must change.
    """

    DEFAULT_CSS: ClassVar[str] = """
    TextPane {
        overflow-x: hidden;
        scrollbar-size: 0 1;
        scrollbar-gutter: stable;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = ReadingArea.BINDINGS

    class Widened(Message):
        """The width that the text is wrapped to has changed."""

    def __init__(self, *, id: str, classes: str | None = None, can_focus: bool = True, hang: int = 0) -> None:
        super().__init__(id=id, classes=classes, can_focus=can_focus)
        self._hang = hang
        self._content = Content("")
        #: The lines, and the width that they are wrapped to; None if they are out of date.
        self._lines: list[Strip] = []
        self._wrapped_to: int | None = None
        self._known_width = 0
        self._reserved = 0

    @property
    def content(self) -> Content:
        """The text."""
        return self._content

    def render(self) -> Content:
        # For the selection of text by the mouse, which counts the lines that are shown.
        return hanging(self._content, self._hang, self.text_width)

    def update(self, content: Content) -> None:
        """Show another text, scrolled as far as the one before."""
        if content.is_same(self._content):
            return
        before, self._content, self._wrapped_to = self._lines, content, None
        width = self.text_width
        if not width:
            self.refresh(layout=True)
            return
        lines = self._wrapped(width)
        self._fit(Size(width, len(lines)))
        if self.styles.is_auto_height and self._height(len(lines)) != self._height(len(before)):
            self.refresh(layout=True)
        else:
            top, changed = self.scroll_offset.y, max(len(before), len(lines))
            self.refresh(Region(0, 0, self.size.width, max(0, min(self.size.height, changed - top))))

    def reserve(self, lines: int) -> None:
        """Keep room for so many lines, so that most texts need no other height."""
        if lines != self._reserved:
            self._reserved = lines
            self.refresh(layout=True)

    def lines_of(self, content: Content) -> int:
        """The lines that a text would take; 0 before the first layout."""
        width = self.text_width
        if not width:
            return 0
        shown = hanging(content, self._hang, width)
        # Lines that hang fit already: another wrapping takes longer than their own.
        return shown.get_height({}, width) if shown is content else shown.plain.count("\n") + 1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._height(len(self._wrapped(max(1, width - self.styles.scrollbar_size_vertical))))

    def notify_style_update(self) -> None:
        self._wrapped_to = None
        super().notify_style_update()

    def selection_updated(self, selection: Selection | None) -> None:
        self._wrapped_to = None
        super().selection_updated(selection)

    def on_resize(self, event: Resize) -> None:
        width = self.text_width
        if width != self._known_width:
            self._known_width = width
            self.post_message(self.Widened())
        self._fit(Size(width, len(self._wrapped(width)) if width else 0))

    def render_lines(self, crop: Region) -> list[Strip]:
        if width := self.text_width:
            self._wrapped(width)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        line, style = y + self.scroll_offset.y, self.visual_style.rich_style
        if line < len(self._lines):
            return self._lines[line]
        return Strip.blank(self.text_width, style)

    @property
    def text_width(self) -> int:
        """The width that the text is wrapped to; 0 before the first layout."""
        return self.scrollable_content_region.width

    def _height(self, lines: int) -> int:
        return max(lines, self._reserved)

    def _wrapped(self, width: int) -> list[Strip]:
        if width != self._wrapped_to:
            self._wrapped_to = width
            shown = hanging(self._content, self._hang, width)
            self._lines = Visual.to_strips(self, shown, width, None, self.visual_style)
        return self._lines

    def _fit(self, size: Size) -> None:
        """Take over the size of the text; the attribute itself would lay out the screen."""
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
