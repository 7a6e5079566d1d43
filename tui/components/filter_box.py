"""The input box of a filter or a search."""

from __future__ import annotations

from typing import ClassVar

from textual.widgets import Input


class FilterBox(Input):
    """Hidden until it is opened; Enter hides it and keeps its text. The parent handles Input's messages."""

    DEFAULT_CSS: ClassVar[str] = """
    FilterBox, FilterBox.-textual-compact { padding: 0 1; background: $panel; }
    """

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True)

    def on_mount(self) -> None:
        self.display = False

    def open(self) -> None:
        """Show the box, and focus it."""
        self.display = True
        self.focus()

    def close(self) -> bool:
        """Hide the box and keep its text; return whether it was shown."""
        was_shown, self.display = self.display, False
        return was_shown

    def reset(self) -> bool:
        """Hide the box and clear its text; return whether it was shown or had any."""
        had_words, self.value = bool(self.value), ""
        return self.close() or had_words

    def on_input_submitted(self) -> None:
        # Handled here first, then by the parent.
        self.close()
