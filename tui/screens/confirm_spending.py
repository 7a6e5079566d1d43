"""What would be asked and paid, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui import format as figures
from tui import sent
from tui.text import visible

if TYPE_CHECKING:
    from core.api import Estimate, Spending


class ConfirmSpendingScreen(ModalScreen[bool]):
    """Requests, tokens and cost per recipe; True only when the person says to send them."""

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ConfirmSpendingScreen {
        & VerticalScroll { height: auto; max-height: 12; }
        & Horizontal { height: auto; margin-top: 1; }
        & Button { margin-right: 2; min-width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="spending.yes"),
        Binding("n,escape", "answer(False)", "No", id="spending.no"),
        Binding("left,right", "app.focus_next", "Other button", show=False),
    ]

    def __init__(self, found: Sequence[Estimate], spending: Spending) -> None:
        super().__init__()
        self._found = found
        self._spending = spending

    def compose(self) -> ComposeResult:
        to_send = sum(one.requests - one.answered for one in self._found)
        with Vertical(classes="dialog"):
            yield Static(Content.styled(f"Send {to_send:,} requests?", "bold"), markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(_table(self._found), markup=False)
            yield Static(
                Content.assemble(
                    "\n",
                    sent.money(self._spending),
                    "\n",
                    ("Tokens are estimates, by length.", "$text-muted"),
                ),
                markup=False,
            )
            with Horizontal():
                # Focused first, so that Enter alone pays nothing.
                yield Button(Content("Send nothing (n)"), id="no", compact=True)
                yield Button(Content("Send (y)"), id="yes", variant="warning", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


def _table(found: Sequence[Estimate]) -> Content:
    """A line a recipe, and their sum."""
    heading = _line("recipe", "to send", "answered", "tokens in + out", "cost")
    rows = [
        _line(
            visible(one.recipe),
            figures.count(one.requests - one.answered),
            figures.count(one.answered),
            _tokens(one.input_tokens, one.output_tokens),
            _cost(one.usd),
        )
        for one in found
    ]
    whole = _line(
        "all",
        figures.count(sum(one.requests - one.answered for one in found)),
        figures.count(sum(one.answered for one in found)),
        _tokens(sum(one.input_tokens for one in found), sum(one.output_tokens for one in found)),
        _cost(sent.total_usd(found)),
    )
    return Content("\n").join(
        [Content.styled(heading, "$text-muted"), *map(Content, rows), Content.styled(whole, "bold")]
    )


def _tokens(given: int, answered: int) -> str:
    return f"~{given / 1000:,.0f}k + {answered / 1000:,.0f}k"


def _cost(usd: float | None) -> str:
    return figures.UNKNOWN if usd is None else f"~{figures.dollars(usd)}"


def _line(recipe: str, left: str, answered: str, tokens: str, cost: str) -> str:
    return f"{figures.shorten(recipe, 24):<24}{left:>8}{answered:>9}{tokens:>17}{cost:>9}"
