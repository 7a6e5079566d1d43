"""Choosing what is shown: every part of a filter at once, with how much it leaves."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from tui.text import visible

if TYPE_CHECKING:
    from textual import getters

    from tui.app import EmpathyApp

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A part of a filter: its label, its values with how they are called, and the one it has now."""

    label: str
    values: Mapping[Any, str]
    chosen: Hashable | None


class FilterDialog(ModalScreen["T | None"], Generic[T]):
    """Gives the filter, or None to leave it as it is."""

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    FilterDialog {
        & Horizontal { height: auto; }
        & Label { width: 14; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & Select, & Input { width: 1fr; }
        & .buttons { margin-top: 1; }
        & .buttons Static { width: 1fr; height: auto; }
        & Button { margin-left: 2; min-width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="filter.back"),
        Binding("ctrl+r", "clear", "Clear", id="filter.clear"),
    ]

    if TYPE_CHECKING:
        # Textual finds the app; this says which one it is.
        app = getters.app(EmpathyApp)

    def __init__(self, title: str, parts: Sequence[Part], text: str) -> None:
        super().__init__()
        self._title = title
        self._parts = parts
        self._text = text

    def wanted(self, chosen: Sequence[Any], text: str) -> T:
        """The filter of these values, one a part, None for any."""
        raise NotImplementedError

    def count(self, wanted: T) -> None:
        """Find out how much a filter leaves, and `say` it."""
        raise NotImplementedError

    def say(self, left: str) -> None:
        """Show how much the filter leaves."""
        self.query_one("#left", Static).update(left)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = self._title
            for part in self._parts:
                # Of rich's text, because a list of Textual's own is not searched as one types.
                options = [(Text(visible(name)), value) for value, name in part.values.items()]
                value = part.chosen if part.chosen in part.values else Select.NULL
                with Horizontal():
                    yield Label(visible(part.label), markup=False)
                    yield Select(options, prompt="any", value=value, compact=True)
            with Horizontal():
                yield Label("Text", markup=False)
                yield Input(self._text, placeholder="words in the texts", compact=True)
            with Horizontal(classes="buttons"):
                yield Static(id="left", markup=False)
                yield Button("Show", id="show", variant="primary", compact=True)
            yield Static(
                "Enter chooses, Tab goes on, Ctrl-R clears, Esc leaves all as it was.",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        self.query(Select).first().focus()
        self.count(self._filter)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self.count(self._filter)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.count(self._filter)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(self._filter)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self._filter)

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_clear(self) -> None:
        for select in self.query(Select):
            select.clear()
        self.query_one(Input).value = ""

    @property
    def _filter(self) -> T:
        chosen = [select.selection for select in self.query(Select)]
        return self.wanted(chosen, self.query_one(Input).value.strip())
