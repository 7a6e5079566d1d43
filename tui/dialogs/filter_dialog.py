"""A dialog for all conditions of a filter, with the number of matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DataTable, Static

from tui.components.keyed_table import KeyedTable
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.dialogs.dialog import Dialog
from tui.format.text import visible

T = TypeVar("T")

_ANY = "any"
_COLUMNS = (Column("part", "", 20), Column("value", "", 46))
#: The rows below the conditions.
_TEXT, _SHOW = "text", "show"


@dataclass(frozen=True)
class FilterField:
    """A condition of a filter: its label, its values with their labels, and the current value."""

    label: str
    values: Mapping[Any, str]
    chosen: Any | None


class FilterDialog(Dialog["T | None"], Generic[T]):
    """Returns the filter, or None to keep the old one.

    A single table instead of a widget per condition, so that it opens fast.
    """

    DEFAULT_CSS = """
    FilterDialog {
        & KeyedTable { height: auto; max-height: 1fr; background: $surface; }
        & KeyedTable > .datatable--odd-row, & KeyedTable > .datatable--even-row { background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="filter.back", tooltip="Keep the filter as it was"),
        Binding("ctrl+r", "clear", "Clear", id="filter.clear", tooltip="Clear every condition"),
        Binding("right,l", "change(1)", "Next value", id="filter.next", tooltip="Next value"),
        Binding("left,h", "change(-1)", "Previous value", id="filter.before", tooltip="Previous value"),
        Binding("slash", "search", "Text", id="filter.text", tooltip="Search in the texts"),
    ]

    def __init__(self, title: str, parts: Sequence[FilterField], text: str) -> None:
        super().__init__()
        self._title = title
        self._parts = parts
        self._chosen = [part.chosen if part.chosen in part.values else None for part in parts]
        self._text = text
        self._count = ""

    def wanted(self, chosen: Sequence[Any], text: str) -> T:
        """The filter with these values, one per condition, None for any."""
        raise NotImplementedError

    def count(self, wanted: T) -> None:
        """Count the matches of a filter, and pass the text to `show_count`."""
        raise NotImplementedError

    def show_count(self, count: str) -> None:
        """Show the number of matches."""
        self._count = count
        self._draw()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            table = KeyedTable()
            table.show_header = False
            yield table
            name = self.app.key_name
            yield Static(
                f"{name('table.open', 'Enter')} or {name('filter.before', '←')} "
                f"{name('filter.next', '→')} choose, "
                f"{name('filter.text', '/')} searches, {name('filter.clear', 'Ctrl-R')} clears, "
                f"{name('filter.back', 'Esc')} keeps the old filter.",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        self.query_one(KeyedTable).set_columns(_COLUMNS)
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._draw())
        self._again()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        key = str(event.row_key.value)
        if key == _SHOW:
            self.dismiss(self._filter)
        elif key == _TEXT:
            self.action_search()
        else:
            self._choose(int(key))

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_clear(self) -> None:
        self._chosen, self._text = [None] * len(self._parts), ""
        self._again()

    def action_search(self) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        self.app.push_screen(AskTextScreen("Search in the texts", self._text), self._searched)

    def action_change(self, by: int) -> None:
        """Select the next value of the condition under the cursor; after the last comes any."""
        key = self.query_one(KeyedTable).selected_key
        if key is None or not key.isdigit():
            return
        number = int(key)
        values = [None, *self._parts[number].values]
        at = values.index(self._chosen[number])
        self._chosen[number] = values[(at + by) % len(values)]
        self._again()

    @property
    def _filter(self) -> T:
        return self.wanted(self._chosen, self._text)

    def _choose(self, number: int) -> None:
        from tui.dialogs.choose import ChooseScreen

        part = self._parts[number]
        values: dict[str, Any] = {_ANY: None, **{name: value for value, name in part.values.items()}}
        current = part.values.get(self._chosen[number], _ANY)

        def chosen(name: str | None) -> None:
            if name is not None:
                self._chosen[number] = values[name]
                self._again()

        self.app.push_screen(ChooseScreen(part.label, list(values), current), chosen)

    def _searched(self, text: str | None) -> None:
        if text is not None:
            self._text = text.strip()
            self._again()

    def _again(self) -> None:
        self._draw()
        self.count(self._filter)

    def _draw(self) -> None:
        muted = shade(self.app, "text-muted")
        rows = {}
        for number, part in enumerate(self._parts):
            value = self._chosen[number]
            shown = Text(_ANY, muted) if value is None else Text(visible(part.values[value]), "bold")
            rows[str(number)] = [Text(visible(part.label), muted), shown]
        text = Text(visible(self._text), "bold") if self._text else Text("any words", muted)
        rows[_TEXT] = [Text("Text", muted), text]
        rows[_SHOW] = [Text("Show", shade(self.app, "text-accent")), Text(self._count)]
        self.query_one(KeyedTable).put(rows)
