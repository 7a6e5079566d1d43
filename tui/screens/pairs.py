"""Pairs: two responders side by side, dialogue by dialogue, with the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui import format as figures
from tui.screens.base import RoomScreen
from tui.text import visible

if TYPE_CHECKING:
    from core.api import Pair, Reader, Snapshot

#: At this width and above, the responses stand side by side.
WIDE = 100

Side = Literal["a", "b"]
_WINNERS = {"a": "A wins", "b": "B wins", "tie": "tie", "invalid": "invalid"}
_ORDERS = {"ab": "A shown first", "ba": "B shown first"}

_Seen = tuple[str, str, "Sequence[Pair]"]


class PairsScreen(RoomScreen):
    """The context above, both responses below it, each with its verdicts."""

    ROOM = "pairs"
    ABOUT = "Two responders' answers to the same test dialogue, and who won."
    CSS_PATH = "pairs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", id="pairs.next", key_display="n"),
        Binding("p,left", "step(-1)", "Previous", id="pairs.previous", key_display="p"),
        Binding("home", "go(0)", "First", id="pairs.first", show=False),
        Binding("end", "go(-1)", "Last", id="pairs.last", show=False),
        Binding("j", "jump", "Jump", id="pairs.jump", tooltip="Jump to a dialogue"),
        Binding("a", "choose('a')", "Choose A", id="pairs.a", tooltip="Choose responder A"),
        Binding("b", "choose('b')", "Choose B", id="pairs.b", tooltip="Choose responder B"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._a: str | None = None
        self._b: str | None = None
        self._pairs: Sequence[Pair] = ()
        self._at = 0

    def body(self) -> ComposeResult:
        yield Static(id="context", markup=False)
        with Container(id="responses"):
            for side in ("a", "b"):
                with VerticalScroll(id=f"side-{side}", classes="side"):
                    yield Static(id=f"response-{side}", markup=False)

    def on_mount(self) -> None:
        self.query_one("#side-a").focus()
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")

    def compare(self, a: str, b: str) -> None:
        """Show these two responders, from the first dialogue on."""
        if (a, b) != (self._a, self._b):
            self._a, self._b, self._pairs, self._at = a, b, (), 0
            self._draw()
        self._ask()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("responders", lambda reader: reader.responders(), self._receive_names)

    def action_step(self, by: int) -> None:
        if not self._pairs:
            self.app.tell("there is no dialogue to show yet")
        else:
            self._go(self._at + by)

    def action_go(self, index: int) -> None:
        if self._pairs:
            self._go(index % len(self._pairs))

    def action_jump(self) -> None:
        from tui.screens.choose import ChooseScreen

        if not self._pairs:
            self.app.tell("there is no dialogue to show yet")
            return
        names = [
            f"{number} {pair.dialog_id} {pair.emotion}" for number, pair in enumerate(self._pairs, start=1)
        ]
        self.app.push_screen(ChooseScreen("Jump to a dialogue", names, names[self._at]), self._jumped)

    def action_choose(self, side: Side) -> None:
        from tui.screens.choose import ChooseScreen

        if not self._names:
            self.app.tell("there is no responder yet: import data first")
            return
        current = self._a if side == "a" else self._b
        self.app.push_screen(
            ChooseScreen(f"Responder {side.upper()}", self._names, current), partial(self._chosen, side)
        )

    def action_back(self) -> None:
        self.app.action_room("win_rates")

    def _chosen(self, side: Side, name: str | None) -> None:
        if name is None:
            return
        at = self._at
        if side == "a":
            self.compare(name, self._b or name)
        else:
            self.compare(self._a or name, name)
        # The same dialogue, for whoever compares responders on it.
        self._at = at

    def _jumped(self, name: str | None) -> None:
        if name is not None:
            self._go(int(name.partition(" ")[0]) - 1)

    def _go(self, index: int) -> None:
        self._at = max(0, min(index, len(self._pairs) - 1))
        self._draw()
        for side in self.query(".side"):
            side.scroll_home(animate=False)

    def _receive_names(self, names: Sequence[str]) -> None:
        self._names = names
        if self._a is None and len(names) > 1:
            self._a, self._b = names[0], names[1]
        self._ask()

    def _ask(self) -> None:
        if self._a is not None and self._b is not None:
            self.app.read("pairs", partial(_look, self._a, self._b), self._receive)

    def _receive(self, seen: _Seen) -> None:
        a, b, pairs = seen
        if (a, b) == (self._a, self._b) and pairs != self._pairs:
            self._pairs = pairs
            self._at = max(0, min(self._at, len(pairs) - 1))
            self._draw()

    def _draw(self) -> None:
        context = self.query_one("#context", Static)
        self.query_one("#responses").display = bool(self._pairs)
        if not self._pairs:
            context.update(
                "There is no pair to show yet: a pair is a test dialogue with two responses. Import data, "
                "then choose responders with a and b."
            )
            return
        pair = self._pairs[self._at]
        context.update(
            Content.assemble(
                (f"{self._at + 1}/{len(self._pairs)}", "bold"),
                (f"  {visible(pair.dialog_id)}  {visible(pair.emotion)}\n", "$text-muted"),
                ("Context    ", "$text-muted"),
                visible(pair.situation.strip(), lines=True),
                ("\nUtterance  ", "$text-muted"),
                visible(pair.utterance.strip(), lines=True),
            )
        )
        for side, name, text in (("a", self._a, pair.response_a), ("b", self._b, pair.response_b)):
            self.query_one(f"#response-{side}", Static).update(_response(side, name or "", text, pair))


def _look(a: str, b: str, reader: Reader) -> _Seen:
    return a, b, reader.pairs(a, b)


def _response(side: str, name: str, text: str | None, pair: Pair) -> Content:
    """One side: who answers, the answer, and the verdicts."""
    words = None if text is None else len(text.split())
    head = Content.assemble(
        (f"{side.upper()} ", "$text-accent bold"),
        (visible(name), "bold"),
        (f"   {figures.count(words)} words\n\n", "$text-muted"),
    )
    if text is None:
        body = Content.styled("not answered yet", "$text-muted")
    elif not text.strip():
        body = Content.styled("(an empty response)", "$text-warning")
    else:
        body = Content(visible(text, lines=True))
    lines = []
    judges = [verdict.judge for verdict in pair.verdicts]
    for verdict in pair.verdicts:
        # A judge that is asked once scores each response alone: nothing was shown first.
        order = f", {_ORDERS.get(verdict.order, '')}" if judges.count(verdict.judge) > 1 else ""
        won = verdict.winner == side
        word = _WINNERS.get(verdict.winner, verdict.winner)
        style = "$text-success" if won else "$text-muted"
        lines.append(
            Content.assemble(
                (f"\n{'✓ ' if won else '  '}{visible(word)}", style),
                (f"  {visible(verdict.judge)}{order}", "$text-muted"),
                (f"\n  {visible(verdict.raw)}", "$text-muted"),
            )
        )
    verdicts = Content("").join(lines) if lines else Content.styled("\nno verdict yet", "$text-muted")
    return Content.assemble(head, body, "\n", verdicts)
