"""The spending dialog: cost by recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.dialogs.dialog import Dialog
from tui.format import submissions
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Spending


class SpendingScreen(Dialog[None]):
    """Shows the workspace's spending and the cost of each recipe."""

    DEFAULT_CSS = """
    SpendingScreen VerticalScroll { height: auto; max-height: 16; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,m,enter", "dismiss", "Back", id="spending.back")]

    def __init__(self, spending: Spending) -> None:
        super().__init__()
        self._spending = spending

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(submissions.money(self._spending), "bold"), markup=False)
            with VerticalScroll():
                yield Static(self._recipes(), markup=False)
            close = self.app.key_name("spending.back", "Esc")
            yield Static(f"{close} closes.", classes="keys", markup=False)

    def _recipes(self) -> Content:
        if not self._spending.by_recipe:
            return Content("No recipe in config.toml uses a teacher.")
        rows = [
            f"{formats.shorten(visible(name), 48):<48}{formats.dollars(usd):>14}"
            for name, usd in self._spending.by_recipe
        ]
        note = "A response that several recipes use is counted for each of them."
        return Content("\n").join([*map(Content, rows), Content.styled(note, "$text-muted")])
