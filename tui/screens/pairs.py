"""Pairs: two responders side by side, dialogue by dialogue, with the verdicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.events import Resize
from textual.widgets import Static

from tui import pair_filters
from tui.pair_filters import PairFilter
from tui.screens.base import RoomScreen
from tui.text import visible
from tui.widgets import pair_text
from tui.widgets.pair_text import Order, Side

if TYPE_CHECKING:
    from core.api import Pair, Prompt, Reader, Snapshot

#: At this width and above, the responses stand side by side.
WIDE = 100

_ALL = "all pairs"


@dataclass(frozen=True)
class _Seen:
    """What there is to show of responders `a` and `b`; the judges `alone` read each response by itself."""

    a: str
    b: str
    pairs: Sequence[Pair]
    prompt: Prompt
    alone: Collection[str]


class PairsScreen(RoomScreen):
    """The context above, both responses below it; judges' answers and their rubric on demand."""

    ROOM = "pairs"
    ABOUT = "Two responders' answers to the same test dialogue, and who won."
    CSS_PATH = "pairs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", id="pairs.next", key_display="n"),
        Binding("p,left", "step(-1)", "Previous", id="pairs.previous", key_display="p", show=False),
        Binding("d", "disagreement", "Disagree", id="pairs.disagreement", tooltip="The next disagreement"),
        Binding("home", "go(0)", "First", id="pairs.first", show=False),
        Binding("end", "go(-1)", "Last", id="pairs.last", show=False),
        Binding("j", "jump", "Jump", id="pairs.jump", tooltip="Jump to a dialogue", show=False),
        Binding("f", "filter", "Filter", id="pairs.filter", tooltip="Filter by verdict or disagreement"),
        Binding("e", "emotion", "Emotion", id="pairs.emotion", tooltip="Filter by emotion", show=False),
        Binding("slash", "search", "Search", id="pairs.search", key_display="/", show=False),
        Binding("v", "verdicts", "Answers", id="pairs.verdicts", tooltip="What the judges answered"),
        Binding(
            "r",
            "rubric",
            "Rubric",
            id="pairs.rubric",
            tooltip="What a judge is asked: A shown first, B shown first, nothing",
            show=False,
        ),
        Binding("w", "words", "Words", id="pairs.words", tooltip="Mark the words that differ", show=False),
        Binding("y", "copy", "Copy", id="pairs.copy", tooltip="Copy the pair as text", show=False),
        Binding("o", "vote", "Vote", id="pairs.vote", tooltip="Vote on these responders, blind", show=False),
        Binding("a", "choose('a')", "A", id="pairs.a", tooltip="Choose responder A"),
        Binding("b", "choose('b')", "B", id="pairs.b", tooltip="Choose responder B"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._a: str | None = None
        self._b: str | None = None
        self._all: Sequence[Pair] = ()
        #: Those that the filter leaves, and which of them is shown.
        self._pairs: Sequence[Pair] = ()
        self._at = 0
        #: The dialogue to go to once it is there.
        self._sought: str | None = None
        self._filter = PairFilter()
        #: What a judge is asked, and who reads each response by itself; None until it was read.
        self._prompt: Prompt | None = None
        self._alone: Collection[str] = ()
        self._shows_answers = False
        #: The order in which the judge's question is shown; None hides it.
        self._asked: Order | None = None
        self._marks_words = False

    def body(self) -> ComposeResult:
        yield Static(id="context", markup=False)
        with Container(id="responses"):
            for side in ("a", "b"):
                with VerticalScroll(id=f"side-{side}", classes="side"):
                    yield Static(id=f"response-{side}", markup=False)
        # Its parts have the focus; it scrolls where they stand one below the other.
        with VerticalScroll(id="judged", can_focus=False):
            for part in ("answers", "question"):
                with VerticalScroll(id=f"part-{part}"):
                    yield Static(id=part, markup=False)

    def on_mount(self) -> None:
        self.query_one("#side-a").focus()
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")

    def compare(self, a: str, b: str, only: PairFilter | None = None) -> None:
        """Show these two responders, from the first dialogue on; with `only` those pairs alone."""
        if (a, b) != (self._a, self._b):
            self._a, self._b, self._all, self._pairs, self._at = a, b, (), (), 0
            self._filter = PairFilter()
            self._draw()
        if only is not None:
            self._apply(only)
        self._ask()

    def seek(self, dialog_id: str) -> None:
        """Show a dialogue, through whatever filter hides it."""
        self._sought = dialog_id
        self._settle()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("responders", lambda reader: reader.responders(), self._receive_names)

    def action_step(self, by: int) -> None:
        if self._has_pairs():
            self._go(self._at + by)

    def action_go(self, index: int) -> None:
        if self._pairs:
            self._go(index % len(self._pairs))

    def action_disagreement(self) -> None:
        """Go to the next dialogue in which judges, or a judge's orders, disagree; round after the last."""
        if not self._has_pairs():
            return
        order = [*range(self._at + 1, len(self._pairs)), *range(self._at + 1)]
        found = next((i for i in order if pair_filters.disagree(self._pairs[i])), None)
        if found is None:
            self.app.tell("no verdicts disagree here")
        else:
            self._go(found)

    def action_filter(self) -> None:
        from tui.screens.pair_filter import PairFilterScreen

        if not self._all:
            self.app.tell("there is no dialogue to show yet")
            return
        self.app.push_screen(PairFilterScreen(self._all, self._filter), self._filtered)

    def action_emotion(self) -> None:
        from tui.screens.choose import ChooseScreen

        names = [_ALL, *pair_filters.emotions(self._all)]
        self.app.push_screen(
            ChooseScreen("Emotion", names, self._filter.emotion or _ALL), self._emotion_chosen
        )

    def action_search(self) -> None:
        from tui.screens.ask_text import AskTextScreen

        self.app.push_screen(AskTextScreen("Search in the texts", self._filter.text), self._searched)

    def action_verdicts(self) -> None:
        self._shows_answers = not self._shows_answers
        self._draw()

    def action_rubric(self) -> None:
        """Show what a judge is asked, in each order that judges were asked in; then hide it."""
        if not self._has_pairs():
            return
        known = [None, *pair_text.orders(self._pairs[self._at], self._alone)]
        place = known.index(self._asked) if self._asked in known else 0
        self._asked = known[(place + 1) % len(known)]
        self._draw()
        question = self.query_one("#part-question")
        question.scroll_home(animate=False)
        # Where it stands below the answers, it would come up out of sight.
        self.call_after_refresh(question.scroll_visible, animate=False, top=True)

    def action_words(self) -> None:
        self._marks_words = not self._marks_words
        self._draw()

    def action_copy(self) -> None:
        if self._has_pairs():
            text = pair_text.plain(self._pairs[self._at], self._a or "", self._b or "")
            self.app.copy(text)

    def action_vote(self) -> None:
        import getpass

        if self._a is None or self._b is None or self._a == self._b:
            self.app.tell("choose two responders first")
        else:
            try:
                voter = getpass.getuser()
            except (KeyError, OSError):
                # In a container the user often has a number alone.
                self.app.tell("your login has no name here: `empathy-tui vote A B --voter NAME`")
                return
            self.app.open_ballot(self._a, self._b, voter)

    def action_jump(self) -> None:
        from tui.screens.choose import ChooseScreen

        if not self._has_pairs():
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

    def step_back(self) -> None:
        """Clear the filter, if there is one; then leave."""
        if self._filter:
            self._apply(PairFilter())
        else:
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
        if (seen.a, seen.b) != (self._a, self._b):
            return
        if (seen.pairs, seen.prompt, seen.alone) != (self._all, self._prompt, self._alone):
            shown = self._pairs[self._at].dialog_id if self._pairs else None
            self._all, self._prompt, self._alone = seen.pairs, seen.prompt, seen.alone
            self._pairs = pair_filters.chosen(self._all, self._filter)
            places = [pair.dialog_id for pair in self._pairs]
            self._at = places.index(shown) if shown in places else min(self._at, max(0, len(places) - 1))
            self._draw()
        self._settle()

    def _settle(self) -> None:
        """Go to the dialogue that is sought, if there are pairs by now."""
        if self._sought is None or not self._all:
            return
        sought, self._sought = self._sought, None
        if all(pair.dialog_id != sought for pair in self._pairs):
            self._apply(PairFilter())
        at = next((at for at, pair in enumerate(self._pairs) if pair.dialog_id == sought), None)
        if at is None:
            self.app.tell(f"{sought} is no test dialogue")
        else:
            self._go(at)

    def _has_pairs(self) -> bool:
        """Whether there is one to show; else say why not."""
        if self._pairs:
            return True
        self.app.tell(
            "no pair is as filtered: Esc shows all" if self._all else "there is no dialogue to show yet"
        )
        return False

    def _filtered(self, wanted: PairFilter | None) -> None:
        if wanted is not None:
            self._apply(wanted)

    def _emotion_chosen(self, name: str | None) -> None:
        if name is not None:
            self._apply(replace(self._filter, emotion=None if name == _ALL else name))

    def _searched(self, text: str | None) -> None:
        if text is not None:
            self._apply(replace(self._filter, text=text.strip()))

    def _apply(self, wanted: PairFilter) -> None:
        """Filter anew, and stay with the dialogue that is shown if it is still there."""
        shown = self._pairs[self._at].dialog_id if self._pairs else None
        self._filter = wanted
        self._pairs = pair_filters.chosen(self._all, wanted)
        places = [pair.dialog_id for pair in self._pairs]
        self._at = places.index(shown) if shown in places else 0
        self._draw()

    def _draw(self) -> None:
        context = self.query_one("#context", Static)
        self.query_one("#responses").display = bool(self._pairs)
        asked = self._asked if self._prompt is not None else None
        judging = self._shows_answers or asked is not None
        self.query_one("#judged").display = bool(self._pairs) and judging
        self.query_one("#part-answers").display = self._shows_answers
        self.query_one("#part-question").display = asked is not None
        self.set_class(judging, "judging")
        if not self._pairs:
            context.update(self._nothing())
            return
        pair = self._pairs[self._at]
        place = f"{self._at + 1}/{len(self._pairs)}"
        if self._filter:
            place += f" of {len(self._all)}, {visible(self._filter.words())}"
        context.update(pair_text.context(pair, place))
        sides: tuple[tuple[Side, str | None], ...] = (("a", self._a), ("b", self._b))
        for side, name in sides:
            self.query_one(f"#response-{side}", Static).update(
                pair_text.response(side, name or "", pair, differences=self._marks_words)
            )
        if self._shows_answers:
            self.query_one("#answers", Static).update(pair_text.answers(pair, self._alone))
        if asked is not None and self._prompt is not None:
            self.query_one("#question", Static).update(pair_text.question(pair, self._prompt, asked))

    def _nothing(self) -> str:
        """Why no pair is shown."""
        if self._all:
            return f"None of {len(self._all)} pairs is: {visible(self._filter.words())}. Esc shows all."
        return (
            "There is no pair to show yet: a pair is a test dialogue with two responses. Import data, then "
            "choose responders with a and b."
        )


def _look(a: str, b: str, reader: Reader) -> _Seen:
    from core.api import prompts

    (judge,) = (prompt for prompt in prompts(reader.workspace.prompts) if prompt.name == "judge")
    alone = frozenset(job.name for job in reader.snapshot().jobs if job.stage == "judge")
    return _Seen(a, b, reader.pairs(a, b), judge, alone)
