"""The dialog that chooses who answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import PlaygroundResponder


class RespondersDialog(Dialog[tuple[str, ...] | None]):
    """Returns the marked names in the order of the list, or None."""

    DEFAULT_CSS = """
    RespondersDialog {
        align: center middle;
        background: $background 60%;
        & OptionList { height: auto; max-height: 50vh; margin-top: 1; border: none; background: $surface; }
        & OptionList:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="responders.back"),
        Binding("space", "mark", "Mark", id="responders.mark", priority=True),
        Binding("enter", "choose", "Choose", id="responders.choose", priority=True),
    ]

    def __init__(self, offered: Sequence[PlaygroundResponder], chosen: Sequence[str], most: int) -> None:
        super().__init__()
        self._offered, self._most = offered, most
        self._marked = set(chosen)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Who answers: 1 to {self._most}")
            yield OptionList(markup=False)
            name = self.app.key_name
            keys = (
                f"{name('responders.mark', 'space')} marks · {name('responders.choose', 'enter')} confirms "
                f"the marked ones · {name('responders.back', 'esc')} closes"
            )
            yield Static(Content(keys), classes="keys")

    def on_mount(self) -> None:
        self._list(0)
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        # A click: the keys are bound above.
        event.stop()
        self.action_mark()

    def action_mark(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None and self._offered[place].problem is None:
            self._marked ^= {self._offered[place].name}
            self._list(place)

    def action_choose(self) -> None:
        chosen = tuple(one.name for one in self._offered if one.name in self._marked)
        if 1 <= len(chosen) <= self._most:
            self.dismiss(chosen)
        else:
            self.query_one(".keys", Static).update(
                Content.styled(f"{len(chosen)} are marked: mark 1 to {self._most}", "$text-warning")
            )

    def action_give_up(self) -> None:
        self.dismiss(None)

    def _list(self, place: int) -> None:
        options = self.query_one(OptionList)
        options.set_options(
            [
                Option(_line(one, one.name in self._marked), disabled=one.problem is not None)
                for one in self._offered
            ]
        )
        options.highlighted = place


def _line(responder: PlaygroundResponder, is_marked: bool) -> Content:
    name = visible(responder.name)
    if responder.problem is None:
        costs = "  teacher, each answer costs money" if responder.is_paid else ""
        return Content(f"{'✓' if is_marked else ' '} {name}{costs}")
    why = "not trained yet" if responder.kind == "run" else visible(responder.problem)
    return Content.styled(f"  {name}  {why}", "$text-muted")
