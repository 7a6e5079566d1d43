"""Choosing what is shown: every part of a filter at once, with how much it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from tui.components.keyed_table import Column, KeyedTable
from tui.components.theme import shade
from tui.format.text import visible

if TYPE_CHECKING:
    from textual import getters

    from tui.app.application import EmpathyApp

T = TypeVar("T")

_ANY = "any"
_COLUMNS = (Column("part", "", 20), Column("value", "", 46))
#: The rows below the parts.
_TEXT, _SHOW = "text", "show"


@dataclass(frozen=True)
class Part:
    """A part of a filter: its label, its values with how they are called, and the one it has now."""

    label: str
    values: Mapping[Any, str]
    chosen: Any | None


class FilterDialog(ModalScreen["T | None"], Generic[T]):
    """Gives the filter, or None to leave it as it is.

    One table and no widget a part, so that it is there at once.
    """

    # Screens have their own, in other folders.
    CSS_PATH = str(Path(__file__).with_name("dialog.tcss"))
    DEFAULT_CSS = """
    FilterDialog {
        & KeyedTable { height: auto; max-height: 1fr; background: $surface; }
        & KeyedTable > .datatable--odd-row, & KeyedTable > .datatable--even-row { background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="filter.back", tooltip="Leave all as it was"),
        Binding("ctrl+r", "clear", "Clear", id="filter.clear", tooltip="Take every part away"),
        Binding("right,l", "turn(1)", "Next value", id="filter.next", tooltip="The next value"),
        Binding("left,h", "turn(-1)", "Value before", id="filter.before", tooltip="The value before"),
        Binding("slash", "search", "Text", id="filter.text", tooltip="Search in the texts"),
    ]

    if TYPE_CHECKING:
        # Textual finds the app; this says which one it is.
        app = getters.app(EmpathyApp)

    def __init__(self, title: str, parts: Sequence[Part], text: str) -> None:
        super().__init__()
        self._title = title
        self._parts = parts
        self._chosen = [part.chosen if part.chosen in part.values else None for part in parts]
        self._text = text
        self._left = ""

    def wanted(self, chosen: Sequence[Any], text: str) -> T:
        """The filter of these values, one a part, None for any."""
        raise NotImplementedError

    def count(self, wanted: T) -> None:
        """Find out how much a filter leaves, and `say` it."""
        raise NotImplementedError

    def say(self, left: str) -> None:
        """Show how much the filter leaves."""
        self._left = left
        self._draw()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            table = KeyedTable()
            table.show_header = False
            yield table
            yield Static(
                "Enter or ← → chooses, / searches, Ctrl-R clears, Esc leaves all as it was.",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        self.query_one(KeyedTable).set_columns(_COLUMNS)
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

    def action_turn(self, by: int) -> None:
        """Go to the next value of the part under the cursor; after the last comes any."""
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
        rows[_SHOW] = [Text("Show", shade(self.app, "text-accent")), Text(self._left)]
        self.query_one(KeyedTable).put(rows)
