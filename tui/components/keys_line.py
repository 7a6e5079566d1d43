"""The line below every screen: the keys that are active now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from rich.style import Style as RichStyle
from textual.binding import ActiveBinding
from textual.content import Content
from textual.events import MouseMove
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Input, Static


class KeysLine(Static):
    """The active bindings that have `show`, each with its key and title; a click presses the key.

    Replaces Textual's Footer, which mounts a widget per key after every change of focus or screen, and
    keeps them all.
    """

    DEFAULT_CSS: ClassVar[str] = """
    KeysLine {
        dock: bottom;
        height: 1;
        background: $footer-background;
        color: $footer-description-foreground;
        text-wrap: nowrap;
        link-color-hover: $foreground;
        link-style-hover: none;
        link-background-hover: $panel;
    }
    """

    def __init__(self, is_offered: Callable[[str], bool]) -> None:
        """`is_offered` says whether an action, named as in BINDINGS, is shown now."""
        super().__init__(markup=False)
        self._is_offered = is_offered
        self._shown = Content("")
        #: A click's action → its tooltip.
        self._tooltips: dict[object, str] = {}
        self._is_due = False

    @property
    def link_style(self) -> RichStyle:
        """None: a link has the colours of its parts, else its key would have that of its title."""
        return RichStyle.null()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._show()

    def on_mouse_move(self, event: MouseMove) -> None:
        self.tooltip = self._tooltips.get(event.style.meta.get("@click"))

    def _changed(self, screen: Screen[object]) -> None:
        # The signal comes about five times while a screen opens.
        if not self._is_due:
            self._is_due = True
            self.call_after_refresh(self._show)

    def _show(self) -> None:
        self._is_due = False
        # The screen may have closed since.
        if not self.is_attached:
            return
        actions: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show and self._is_offered(active.binding.action):
                # Only the first of several keys of an action is shown.
                actions.setdefault(active.binding.action, active)
        line = Content("").join(self._part(active) for active in actions.values())
        if not line.is_same(self._shown):
            self._shown = line
            self.update(line, layout=False)

    def _part(self, active: ActiveBinding) -> Content:
        binding, press = active.binding, f"app.simulate_key({active.binding.key!r})"
        if isinstance(self.screen.focused, Input):
            # A text field takes the key that is displayed as text, and another key of the action is active.
            binding = replace(binding, key_display=None)
        self._tooltips[press] = active.tooltip or binding.description
        part = Content.assemble(
            (f" {self.app.get_key_display(binding)} ", "bold $footer-key-foreground"),
            f"{binding.description} ",
        )
        return part.stylize("" if active.enabled else "dim").stylize(Style.from_meta({"@click": press}))
