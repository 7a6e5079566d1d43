"""The help dialog: the active keys of the screen and of the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.components.theme import shade
from tui.components.workspace_screen import WorkspaceScreen
from tui.dialogs.dialog import Dialog
from tui.format.text import visible

_KEYS = 11

#: Textual's common keys, which are left out to keep the list short.
_PLAIN = {"ctrl+c", "ctrl+q", "ctrl+i"}


class HelpScreen(Dialog[None]):
    """Lists the keys of the screen below the dialog."""

    DEFAULT_CSS = """
    HelpScreen .dialog > Static {
        padding-right: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "dismiss", "Close", key_display="esc", id="help.close"),
    ]

    def __init__(self, on: Screen[Any]) -> None:
        super().__init__()
        self._on = on

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = Content("Help")
            yield Static(self._text(), markup=False)
            close = self.app.key_name("help.close", "esc")
            yield Static(Content(f"{close} closes · arrows, page up and page down scroll"), classes="keys")

    def _text(self) -> Group:
        about = self._on.ABOUT if isinstance(self._on, WorkspaceScreen) else ""
        parts: list[Text | Table] = [Text(visible(about)), Text()] if about else []
        for title, bindings in self._groups():
            if bindings:
                parts += [Text(title, "bold"), self._table(bindings), Text()]
        return Group(*parts[:-1])

    def _groups(self) -> list[tuple[str, list[Binding]]]:
        """The active bindings: of the screen, of the focused widget, then of the app."""
        here: list[Binding] = []
        focused: list[Binding] = []
        everywhere: list[Binding] = []
        for active in self._on.active_bindings.values():
            binding = active.binding
            if binding.key in _PLAIN or not binding.description:
                continue
            # Our bindings have a tooltip; Textual's arrows, Tab and so on need no explanation.
            if binding.system or not (binding.id or binding.tooltip):
                continue
            if active.node is self.app:
                everywhere.append(binding)
            else:
                (here if active.node is self._on else focused).append(binding)
        groups = (("Here", here), ("Where the cursor is", focused), ("Everywhere", everywhere))
        return [(title, _joined(found)) for title, found in groups]

    def _table(self, bindings: Sequence[Binding]) -> Table:
        """The keys beside what they do, which wraps below itself."""
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        table.add_column(width=_KEYS)
        table.add_column(ratio=1)
        for binding in bindings:
            keys, what = self.app.get_key_display(binding), binding.tooltip or binding.description
            table.add_row(Text(keys, shade(self.app, "accent")), Text(visible(what)))
        return table


def _joined(bindings: list[Binding]) -> list[Binding]:
    """One binding per action: several keys of one action share a line."""
    found: dict[tuple[str, str], list[Binding]] = {}
    for binding in bindings:
        found.setdefault((binding.action, binding.description), []).append(binding)
    return [same[0] for same in found.values()]
