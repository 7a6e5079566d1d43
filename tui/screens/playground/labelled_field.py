"""A field for one line of text, with its title at the left."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static


class LabelledField(Horizontal):
    """The field has the id, its row has `-field` behind it; `about` is what to write into it."""

    def __init__(self, field: str, title: str, about: str) -> None:
        super().__init__(id=f"{field}-field", classes="field")
        self._field, self._title, self._about = field, title, about

    def compose(self) -> ComposeResult:
        yield Static(self._title, classes="name", markup=False)
        yield Input(placeholder=self._about, id=self._field, compact=True, select_on_focus=False)
