"""The dialog that changes how answers are generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.dialogs.dialog import Dialog

if TYPE_CHECKING:
    from core.api import Responding

#: Field → what it means.
_FIELDS = {
    "max_new_tokens": "maximum tokens per answer, from 1",
    "temperature": "0 is greedy; 0.001 to 100 samples",
    "top_p": "of sampling: above 0, up to 1",
    "seed": "same seed, same sampled answer",
}


class SamplingDialog(Dialog["Responding | None"]):
    """Returns the settings, or None."""

    DEFAULT_CSS = """
    SamplingDialog {
        align: center middle;
        background: $background 60%;
        & Horizontal { height: 1; margin-top: 1; }
        & .name { width: 16; }
        & Input { width: 12; margin-right: 2; }
        & .about { width: 1fr; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="sampling.back"),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, known: Responding) -> None:
        super().__init__()
        self._known = known

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("How answers are generated")
            for name, about in _FIELDS.items():
                with Horizontal():
                    yield Static(name, classes="name", markup=False)
                    yield Input(self._value(name), id=name, compact=True)
                    yield Static(about, classes="about", markup=False)
            close = self.app.key_name("sampling.back", "esc")
            yield Static(Content(f"tab next field · enter confirms · {close} closes"), classes="keys")

    def on_mount(self) -> None:
        self.query_one("#max_new_tokens").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        from core.api import UserError

        event.stop()
        try:
            self.dismiss(self._made())
        except (ValueError, UserError) as error:
            self.query_one(".keys", Static).update(Content.styled(str(error), "$text-warning"))

    def action_give_up(self) -> None:
        self.dismiss(None)

    def _value(self, name: str) -> str:
        if name == "temperature" and not self._known.do_sample:
            return "0"
        return f"{getattr(self._known, name):g}"

    def _made(self) -> Responding:
        """Raises `ValueError` or `UserError` with what is wrong, for people."""
        from core.api import Responding, check_sampling

        tokens = self._number("max_new_tokens", int)
        temperature = self._number("temperature", float)
        top_p = self._number("top_p", float)
        seed = self._number("seed", int)
        if tokens < 1:
            raise ValueError("max_new_tokens: at least 1")
        if not 0 < top_p <= 1:
            raise ValueError("top_p: above 0, at most 1")
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed: from 0 to {2**32 - 1}")
        made = Responding(
            max_new_tokens=int(tokens),
            do_sample=temperature > 0,
            temperature=temperature or self._known.temperature,
            top_p=top_p,
            batch_size=self._known.batch_size,
            seed=int(seed),
        )
        check_sampling(made)
        return made

    def _number(self, name: str, kind: type[int] | type[float]) -> float:
        text = self.query_one(f"#{name}", Input).value.strip()
        try:
            return kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise ValueError(f"{name}: {what}") from None
