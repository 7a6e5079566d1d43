"""A dialog to choose a name from a list by typing a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.format.text import visible

_MAX_ROWS = 12
#: So many names are offered at once, those around the best one: the list measures each.
_MAX_OFFERED = 300


class ChooseScreen(Dialog[str | None]):
    """Returns the chosen name, or None."""

    DEFAULT_CSS = """
    ChooseScreen OptionList {
        background: $surface; border: none; padding: 0; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    ChooseScreen OptionList > .option-list--option-highlighted {
        background: $accent 35%; color: $foreground; text-style: $block-cursor-text-style;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="choose.back"),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
    ]

    def __init__(self, title: str, names: Sequence[str], current: str | None) -> None:
        super().__init__()
        self._title = title
        self._names = names
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._title, "bold"), markup=False)
            yield Input(placeholder="type a part of the name")
            yield OptionList(markup=False)
            yield Static(
                Content(f"enter confirms · {self.app.key_name('choose.back', 'esc')} closes"), classes="keys"
            )

    def on_mount(self) -> None:
        self._list("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._list(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()
        if options.highlighted_option is not None:
            self._current = options.highlighted_option.id

    def action_give_up(self) -> None:
        self.dismiss(None)

    def offer(self, names: Sequence[str]) -> None:
        """Offer these names instead; until something is typed, the cursor stays on its own."""
        self._names = names
        if self.is_mounted and self.is_attached:
            self._list(self.query_one(Input).value)

    def _list(self, part: str) -> None:
        part = part.strip()
        found = [name for name in self._names if part.casefold() in name.casefold()]
        options = self.query_one(OptionList)
        # Set here, because the list would measure every name repeatedly.
        options.styles.height = min(_MAX_ROWS, max(1, len(found)))
        best = found.index(self._best(found, part)) if found else 0
        first = max(0, min(best - _MAX_OFFERED // 2, len(found) - _MAX_OFFERED))
        offered = found[first : first + _MAX_OFFERED]
        options.set_options([Option(Content(visible(name)), id=name) for name in offered])
        if not found:
            options.add_option(Option(Content("nothing matches"), disabled=True))
            return
        if len(offered) < len(found):
            words = f"{len(found):,} match: type a part of the name"
            options.add_option(Option(Content(words), disabled=True))
        options.highlighted = best - first

    def _best(self, found: Sequence[str], part: str) -> str:
        """The name that Enter takes: the current one until something is typed, then one typed in full, or one
        that begins or ends with that."""
        if not part and self._current is not None and self._current in found:
            return self._current
        typed = part.casefold()

        def distance(name: str) -> tuple[bool, bool, bool]:
            folded = name.casefold()
            return folded != typed, not folded.startswith(typed), not folded.endswith(typed)

        return min(found, key=distance)
