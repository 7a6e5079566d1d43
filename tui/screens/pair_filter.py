"""Choosing which pairs are shown: every part of a filter at once, with how many pairs it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from tui import pair_filters
from tui.pair_filters import DISAGREEMENTS, OUTCOMES, PairFilter
from tui.text import visible

if TYPE_CHECKING:
    from core.api import Pair

#: A part of the filter → its label here.
_LABELS = {"outcome": "Verdict", "judge": "of judge", "disagreement": "Disagreement", "emotion": "Emotion"}


class PairFilterScreen(ModalScreen[PairFilter | None]):
    """Gives the filter, or None to leave it as it is."""

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    PairFilterScreen {
        & Horizontal { height: auto; }
        & Label { width: 14; color: $text-muted; }
        & Select, & Input { width: 1fr; }
        & .buttons { margin-top: 1; }
        & .buttons Static { width: 1fr; height: auto; }
        & Button { margin-left: 2; min-width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="pair_filter.back"),
        Binding("ctrl+r", "clear", "Clear", id="pair_filter.clear"),
    ]

    def __init__(self, pairs: Sequence[Pair], current: PairFilter) -> None:
        super().__init__()
        self._pairs = pairs
        self._current = current

    def compose(self) -> ComposeResult:
        judges, emotions = pair_filters.judges(self._pairs), pair_filters.emotions(self._pairs)
        values: dict[str, Mapping[str, str]] = {
            "outcome": dict(OUTCOMES.items()),
            "judge": {judge: judge for judge in judges},
            "disagreement": dict(DISAGREEMENTS.items()),
            "emotion": {emotion: emotion for emotion in emotions},
        }
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Which pairs"
            for part, label in _LABELS.items():
                chosen = getattr(self._current, part)
                # Of rich's text, because a list of Textual's own is not searched as one types.
                options = [(Text(visible(text)), value) for value, text in values[part].items()]
                with Horizontal():
                    yield Label(label, markup=False)
                    yield Select(
                        options,
                        prompt="any",
                        value=chosen if chosen in values[part] else Select.NULL,
                        id=part,
                        compact=True,
                    )
            with Horizontal():
                yield Label("Text", markup=False)
                yield Input(self._current.text, placeholder="words in the texts", id="text", compact=True)
            with Horizontal(classes="buttons"):
                yield Static(id="left", markup=False)
                yield Button("Show", id="show", variant="primary", compact=True)
            yield Static(
                "Enter chooses, Tab goes on, Ctrl-R clears, Esc leaves all as it was.",
                classes="keys",
                markup=False,
            )

    def on_mount(self) -> None:
        self.query_one("#outcome").focus()
        self._count()

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self._count()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._count()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(self._wanted())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self._wanted())

    def action_give_up(self) -> None:
        self.dismiss(None)

    def action_clear(self) -> None:
        for select in self.query(Select):
            select.clear()
        self.query_one(Input).value = ""

    def _wanted(self) -> PairFilter:
        chosen = {part: self.query_one(f"#{part}", Select).selection for part in _LABELS}
        return PairFilter(**chosen, text=self.query_one(Input).value.strip())

    def _count(self) -> None:
        left = len(pair_filters.chosen(self._pairs, self._wanted()))
        self.query_one("#left", Static).update(f"{left} of {len(self._pairs)} pairs")
