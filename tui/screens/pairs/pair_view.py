"""One pair: its dialogue above, both responses below; judges' answers and their prompt on demand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.events import Resize

from tui.components.text_pane import TextPane
from tui.screens.pairs import pair_text
from tui.screens.pairs.judged_view import JudgedView
from tui.screens.pairs.pair_text import ResponseSide

if TYPE_CHECKING:
    from textual import getters

    from core.api import Order, Pair, Prompt
    from tui.navigation.host import HostApp

#: So many pairs are measured to know the room that most of them need.
_SAMPLE = 50


@dataclass(frozen=True)
class ShownPair:
    """A pair of responders `a` and `b`, and its position among all pairs.

    `prompt` is the judge's prompt, the judges `alone` score each response separately, matches of `sought`
    are marked in the texts; `is_compared` if a judge is to compare the responders.
    """

    pair: Pair
    a: str
    b: str
    place: str
    prompt: Prompt | None
    alone: Collection[str]
    sought: str
    is_compared: bool


class PairView(Container):
    """The responses are side by side where there is room, answers and prompts where there is more."""

    DEFAULT_CSS: ClassVar[str] = """
    PairView {
        height: 1fr;
        layout: vertical;
        #context { height: auto; max-height: 40%; margin: 1 0 0 0; padding: 0 0 0 1; }
        #responses { height: 1fr; margin: 1 0 0 0; layout: vertical; }
        .side { height: 1fr; width: 1fr; padding: 0 0 0 1; background: $surface; }
        #verdict { height: auto; max-height: 6; padding: 0 0 0 1; background: $panel; }
        #side-b { margin: 1 0 0 0; }
        .side {
            link-color: $foreground; link-style: bold; link-background: $surface 0%;
            link-color-hover: $text-accent;
            link-style-hover: bold underline;
            link-background-hover: $surface 0%;
        }
        &.judging {
            #context, #responses { margin: 0; }
        }
        &.wide {
            #responses { layout: horizontal; }
            #side-b { margin: 0 0 0 1; }
        }
        &.widest {
            #judged { layout: horizontal; max-height: 60%; overflow-y: hidden; }
            #part-answers, #part-question { max-height: 42vh; }
        }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__(id="pair")
        self._shown: ShownPair | None = None
        self._shows_answers = False
        #: The order of the shown prompt; None hides the prompt.
        self._prompt_order: Order | None = None
        self._marks_words = False
        self._expected: Sequence[Pair] = ()
        self._judges = 0
        #: None until it is first shown.
        self._judged: JudgedView | None = None

    def compose(self) -> ComposeResult:
        yield TextPane(id="context", can_focus=False, hang=pair_text.LABEL)
        with Container(id="responses"):
            for side in ("a", "b"):
                yield TextPane(id=f"side-{side}", classes="side")
        yield TextPane(id="verdict", can_focus=False)

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self.reserve()

    def on_text_pane_widened(self, event: TextPane.Widened) -> None:
        event.stop()
        self._draw()

    def expect(self, pairs: Sequence[Pair], judges: int) -> None:
        """Keep as much room above and below the responses as most of these pairs need, from the next
        `reserve` or change of the width on."""
        self._expected, self._judges = pairs, judges

    def enter(self) -> None:
        """Take the focus."""
        self.query_one("#side-a").focus()

    def show(self, shown: ShownPair | None, nothing: str) -> None:
        """Show a pair from its top, or the text `nothing` if there is none."""
        before, self._shown = self._shown, shown
        self._draw()
        if shown is None:
            self.query_one("#context", TextPane).update(Content(nothing))
        elif before is None or before.pair.dialog_id != shown.pair.dialog_id:
            for side in self.query(".side"):
                side.scroll_home(animate=False)

    def toggle_answers(self, *, on: bool = False) -> None:
        """Show or hide the judges' answers; with `on`, show them."""
        self._shows_answers = on or not self._shows_answers
        self._draw()

    def toggle_words(self, *, on: bool = False) -> str | None:
        """Mark or unmark the words that differ; with `on`, mark them. Return why none is marked, if so."""
        self._marks_words = on or not self._marks_words
        self._draw()
        if self._shown is None:
            return "there is no pair to mark words in"
        return pair_text.why_nothing_differs(self._shown.pair) if self._marks_words else None

    def next_question(self) -> None:
        """Show the judge's prompt in each order of the verdicts, then hide it."""
        if self._shown is None:
            return
        known = [None, *pair_text.orders(self._shown.pair, self._shown.alone)]
        place = known.index(self._prompt_order) if self._prompt_order in known else 0
        self._prompt_order = known[(place + 1) % len(known)]
        self._draw()
        if self._judged is not None:
            self._judged.scroll_to_question()

    def reserve(self) -> None:
        """Keep the room that most of the expected pairs need."""
        some = self._expected[:: max(1, len(self._expected) // _SAMPLE)]
        if not some:
            return
        context = self.query_one("#context", TextPane)
        lines = sorted(context.lines_of(pair_text.context(pair, "")) for pair in some)
        context.reserve(lines[len(lines) * 9 // 10])
        # A line says that the texts are the same, or that the judges disagree.
        self.query_one("#verdict", TextPane).reserve(max(1, self._judges) + 1)

    def _draw(self) -> None:
        shown = self._shown
        self.query_one("#responses").display = self.query_one("#verdict").display = shown is not None
        order = self._prompt_order if shown is not None and shown.prompt is not None else None
        judging = self._shows_answers or order is not None
        if judging and self._judged is None:
            self._judged = JudgedView()
            self.mount(self._judged)
        self.set_class(judging, "judging")
        if self._judged is not None:
            self._judged.show(*self._judged_texts(shown, order))
        if shown is None:
            return
        pair = shown.pair
        self.query_one("#context", TextPane).update(pair_text.context(pair, shown.place, shown.sought))
        self.query_one("#verdict", TextPane).update(pair_text.verdict(pair, is_compared=shown.is_compared))
        sides: tuple[tuple[ResponseSide, str], ...] = (("a", shown.a), ("b", shown.b))
        for side, name in sides:
            pane = self.query_one(f"#side-{side}", TextPane)
            text = pair_text.response(
                side,
                name,
                pair,
                differences=self._marks_words,
                sought=shown.sought,
                width=pane.text_width,
            )
            pane.update(text)

    def _judged_texts(
        self, shown: ShownPair | None, order: Order | None
    ) -> tuple[Content | None, Content | None]:
        """The judges' answers and the prompt that are to be shown, each None if it is not."""
        if shown is None:
            return None, None
        answers = None
        if self._shows_answers:
            answers = pair_text.answers(
                shown.pair,
                shown.alone,
                is_compared=shown.is_compared,
                prompt_key=self.app.key_name("pairs.rubric", "R"),
            )
        if order is None or shown.prompt is None:
            return answers, None
        return answers, pair_text.question(shown.pair, shown.prompt, order)
