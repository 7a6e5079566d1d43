"""The list of what needs attention, and below it the reason of an item in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DataTable

from tui.components.auto_height_text import AutoHeightText
from tui.components.keyed_table import KeyedTable
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.text import visible
from tui.screens.home.attention import AttentionItem

if TYPE_CHECKING:
    from textual import getters

    from tui.components.workspace_screen import WorkspaceScreen
    from tui.navigation.host import HostApp

#: The most lines of the list, and of the reasons: in a low terminal, in most, and in one with the most room.
_LOW, _USUAL, _ROOMY = (4, 3), (12, 12), (12, 24)
#: The keys that resolve an item are in its row from this width on, else below the list.
_HINTS = 60
#: The width that is kept for the reason of an item.
_REASON = 18


class AttentionList(Vertical):
    """A row for each item; it has the focus. Below are the whole reasons of those that their rows cut."""

    DEFAULT_CSS: ClassVar[str] = """
    AttentionList {
        #attention { background: $background; }
        #attention-item { height: auto; color: $text-muted; }
        &.low #attention-item { padding: 0 1 0 4; }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str, classes: str) -> None:
        super().__init__(id=id, classes=classes)
        self._items: Sequence[AttentionItem] = ()
        #: The item that the cursor was put on. A failure that comes gets the cursor if this is none, and
        #: people have not moved it.
        self._chosen: str | None = None
        #: The widths of a row, and in it of names and of reasons.
        self._width = self._what = self._why = 0
        self._is_low = self._is_roomy = False
        #: The reason of the item under the cursor, and of others that are cut.
        self._text = Content("")

    def compose(self) -> ComposeResult:
        yield AutoHeightText(id="attention-title")
        yield KeyedTable(id="attention", opens="Log")
        yield AutoHeightText(id="attention-item")

    def on_mount(self) -> None:
        self.border_title = "Needs attention"
        self._table.show_header = False
        self._table.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._draw_item()

    def show(self, items: Sequence[AttentionItem], width: int, *, is_low: bool, is_roomy: bool) -> None:
        """Show the items in lines of `width` cells, for a low terminal or one with the most room."""
        self._items, self._width = items, width
        self._is_low, self._is_roomy = is_low, is_roomy
        self.set_class(is_low, "low")
        self._draw_title()
        self._draw_items()
        self._draw_item()

    @property
    def item(self) -> AttentionItem | None:
        """The item under the cursor."""
        key = self._table.selected_key
        return next((item for item in self._items if item.key == key), None)

    @property
    def lines(self) -> int:
        """The lines that the list and the reasons take, without a border."""
        rows, reasons = self._limits
        lines = min(len(self._items), rows) or 1
        if self._text.plain:
            lines += min(self._text.get_height({}, self._width), reasons)
        return lines

    @property
    def _table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    @property
    def _limits(self) -> tuple[int, int]:
        if self._is_low:
            return _LOW
        return _ROOMY if self._is_roomy else _USUAL

    def _draw_title(self) -> None:
        title = self.query_one("#attention-title", AutoHeightText)
        title.display = self._is_low or not self._items
        heading = Content.styled("Needs attention  ", "bold") if self._is_low else Content("")
        text = Content.assemble(heading, ("" if self._items else "nothing", "$text-muted"))
        if title.content != text:
            title.update(text)

    def _draw_items(self) -> None:
        keys = self._keys()
        hint = max((len(_hint(item, keys)) for item in self._items), default=0)
        hint = hint if self._width >= _HINTS else 0
        longest = max((len(visible(item.what)) for item in self._items), default=0)
        # Two runs may differ in the middle of their names alone; the reason is shown in full below.
        self._what = max(16, min(longest, self._width - 10 - hint - _REASON))
        self._why = max(10, self._width - 3 - (hint + 2 if hint else 0) - self._what - 5)
        columns = [Column("glyph", "", 1), Column("what", "", self._what), Column("why", "", self._why)]
        table = self._table
        table.display = bool(self._items)
        table.set_columns([*columns, *([Column("hint", "", hint, "right")] if hint else [])])
        table.put({item.key: self._row(item, keys if hint else None) for item in self._items})
        table.styles.height = min(len(self._items), self._limits[0])
        item = self.item
        if item is not None and (self._chosen is None or (item.key == self._chosen and item.job is None)):
            # The first failure is what to look at first.
            failed = next((item for item in self._items if item.job is not None), self._items[0])
            self._chosen = failed.key
            table.select(failed.key)

    def _draw_item(self) -> None:
        """The item under the cursor in full; where there is room, all whose rows are cut."""
        # The line of keys shows those that apply to the item.
        self.screen.refresh_bindings()
        item = self.item
        text = Content("") if item is None else _reason(item)
        if item is not None and not self._is_low and len(visible(item.what)) > self._what:
            text = _in_full(item, is_selected=True)
        if self._is_roomy:
            cut = [one for one in self._items if one == item or self._is_cut(one)]
            text = Content("\n").join([_in_full(one, is_selected=one == item) for one in cut])
        if item is not None and item.remedy and self._width < _HINTS:
            # There is no room for the keys in the item's row.
            text = Content.assemble(text, "\n", (_hint(item, self._keys()), "$text-accent"))
        shown, self._text = self.query_one("#attention-item", AutoHeightText), text
        # A low terminal has a line for what its row cuts alone.
        shown.display = bool(text.plain) and (
            not self._is_low or "\n" in text.plain or text.cell_length > self._why
        )
        shown.styles.max_height = self._limits[1]
        # Always with a layout, because its lines wrap.
        if shown.content != text:
            shown.update(text)

    def _is_cut(self, item: AttentionItem) -> bool:
        return len(visible(item.what)) > self._what or _reason(item).cell_length > self._why

    def _keys(self) -> dict[str, str]:
        """The display names of the remedies' keys, by the bindings' ids."""
        screen = cast("WorkspaceScreen", self.screen)
        return screen.keys_of({name for item in self._items for name, _ in item.remedy})

    def _row(self, item: AttentionItem, keys: Mapping[str, str] | None) -> list[Text]:
        """An item's cells; with `keys` the last cell shows the remedy with its keys."""
        colour, muted = shade(self.app, item.colour), shade(self.app, "text-muted")
        why = visible(" ".join(item.why.split()))
        if item.advice:
            why = f"{why}: {item.advice}"
        cells = [
            Text(item.glyph, colour),
            Text(formats.shorten(visible(item.what), self._what)),
            Text(why, colour if item.job is None else muted),
        ]
        if keys is not None:
            cells.append(Text(_hint(item, keys), shade(self.app, "text-accent")))
        return cells


def _reason(item: AttentionItem) -> Content:
    words = f"{item.why}: {item.advice}" if item.advice else item.why
    return Content(visible(words.strip(), lines=True))


def _in_full(item: AttentionItem, *, is_selected: bool) -> Content:
    """The whole name of an item, and its whole reason."""
    name = (visible(item.what), "$foreground bold" if is_selected else "$foreground")
    return Content.assemble((f"{item.glyph} ", f"${item.colour}"), name, "\n", _reason(item))


def _hint(item: AttentionItem, keys: Mapping[str, str]) -> str:
    """The keys that resolve an item, each with its effect."""
    return "  ".join(f"{keys[name]} {what}" for name, what in item.remedy)
