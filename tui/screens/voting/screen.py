"""Vote: two responses without names in random order; the user chooses the better one."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.components.reading_area import ReadingArea
from tui.components.workspace_screen import WorkspaceScreen
from tui.format import values as formats
from tui.format.evaluation import human_votes
from tui.format.text import visible
from tui.navigation.messages import CloseBallot

if TYPE_CHECKING:
    from core.api import (
        BallotItem,
        Choice,
        Commands,
        HumanWinRate,
        IntentResult,
        PredictionPoweredWinRate,
        Snapshot,
        Workspace,
    )

#: The responses are side by side from this width on.
WIDE = 100
#: Below this height there are no blank lines.
LOW = 20

BallotSide = Literal["left", "right"]
_VotingData = tuple[
    str,
    "tuple[IntentResult, ...]",
    "tuple[BallotItem, ...]",
    "HumanWinRate | None",
    "tuple[PredictionPoweredWinRate, ...]",
]
#: Two responders and the voter.
_Ballot = tuple[str, str, str]


class VoteScreen(WorkspaceScreen):
    """Shows one pair at a time; names are shown after the last vote."""

    MODE = "voting"
    ABOUT = "Which of two responses is better? Names are shown after the last vote."
    CSS_PATH = "voting.tcss"
    AUTO_FOCUS = "#side-left"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left,h",
            "choose('left')",
            "Left",
            id="vote.left",
            key_display="←",
            tooltip="The left response is better",
        ),
        Binding(
            "right,l",
            "choose('right')",
            "Right",
            id="vote.right",
            key_display="→",
            tooltip="The right response is better",
        ),
        Binding("t", "choose('tie')", "Tie", id="vote.tie", tooltip="Both are equally good"),
        Binding("s", "choose('skip')", "Skip", id="vote.skip", tooltip="Skip this pair"),
        Binding(
            "d",
            "toggle_order",
            "Order",
            id="vote.order",
            tooltip="Draw the next pairs uniformly, or by the judge's uncertainty",
        ),
        Binding("u", "undo", "Undo", id="vote.undo", tooltip="Undo the last vote"),
        Binding(
            "tab",
            "app.focus_next",
            "Situation or response",
            id="vote.focus",
            show=False,
            tooltip="Move the focus between the situation and the responses",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._a = self._b = self._voter = ""
        self._uniform = False
        #: What the better response shows more of; empty until it is known.
        self._quality = ""
        self._items: Sequence[BallotItem] | None = None
        #: The dialogue that is shown; it stays scrolled while votes are recorded.
        self._drawn = ""
        self._rate: HumanWinRate | None = None
        #: With the verdicts of each judge that compared the two.
        self._with_verdicts: tuple[PredictionPoweredWinRate, ...] = ()
        #: Dialogue → choice in this session, None for an undone vote.
        self._choices: dict[str, Choice | None] = {}
        #: The dialogues of this session's votes, in order.
        self._history: list[str] = []
        #: Votes that wait to be written, in order.
        self._outgoing: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        #: Intent → dialogue, of written intents that are not known to be processed.
        self._written: dict[int, str] = {}

    def body(self) -> ComposeResult:
        yield Static(id="progress", markup=False)
        with ReadingArea(id="context"):
            yield Static(id="text-context", markup=False)
        with Container(id="responses"):
            for side in ("left", "right"):
                with ReadingArea(id=f"side-{side}", classes="side"):
                    yield Static(id=f"text-{side}", markup=False)
        yield Static(id="summary", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._send, name="Vote", thread=True, exit_on_error=False)
        self._draw()

    def on_unmount(self) -> None:
        self._outgoing.put(None)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")
        self.set_class(event.size.height < LOW, "low")
        self._draw()

    def open_ballot(self, a: str, b: str, voter: str, uniform: bool = False) -> None:
        """Let `voter` vote on the responses of `a` and `b`, drawn `uniform` or by the judge's uncertainty."""
        self._uniform = uniform
        if (a, b, voter) != (self._a, self._b, self._voter):
            self._a, self._b, self._voter = a, b, voter
            self._items, self._rate, self._choices, self._history = None, None, {}, []
            self._with_verdicts = ()
            self._written = {}
            self._draw()
        self._ask()

    def show(self, snapshot: Snapshot) -> None:
        self._ask()

    def action_choose(self, choice: BallotSide | Literal["tie", "skip"]) -> None:
        item = self._current
        if item is None:
            words = "there are no more pairs to vote on" if self._items else "there are no pairs yet"
            self.app.show_lack(words, reading="ballot" if self._items is None else None)
            return
        side: dict[str, Choice] = {
            "left": "a" if item.order == "ab" else "b",
            "right": "b" if item.order == "ab" else "a",
            "tie": "tie",
            "skip": "skip",
        }
        chosen, a, b, voter = side[choice], self._a, self._b, self._voter
        self._choices[item.dialog_id] = chosen
        self._history.append(item.dialog_id)
        self._post(item, lambda commands: commands.vote(item, a, b, voter, chosen))
        self._draw()

    def action_toggle_order(self) -> None:
        self._uniform = not self._uniform
        self.app.show_message(
            "the next pairs are drawn uniformly"
            if self._uniform
            else "the next pairs are drawn by the uncertainty of the judges that compared the two"
        )
        self._draw()
        self._ask()

    def action_undo(self) -> None:
        if not self._history:
            self.app.show_message("there is no vote to undo in this session")
            return
        name, a, b, voter = self._history.pop(), self._a, self._b, self._voter
        item = next(item for item in self._items or () if item.dialog_id == name)
        self._choices[name] = None
        self._post(item, lambda commands: commands.unvote(item, a, b, voter))
        self._draw()

    def step_back(self) -> None:
        self.app.post_message(CloseBallot())

    def _send(self) -> None:
        """Write votes in the order in which they were cast, in the background."""
        from core.api import UserError, open_workspace

        # It only writes votes, so it keeps no connection open.
        commands = open_workspace(self.app.workspace).commands
        while (letter := self._outgoing.get()) is not None:
            try:
                intent = letter.ask(commands)
            except UserError as error:
                self.app.call_later(self._lost, letter, str(error))
            else:
                self.app.call_later(self._record_intent, letter, intent)

    def _post(self, item: BallotItem, ask: Callable[[Commands], int]) -> None:
        self._outgoing.put(_Letter((self._a, self._b, self._voter), item.dialog_id, ask))

    def _record_intent(self, letter: _Letter, intent: int) -> None:
        if letter.ballot == (self._a, self._b, self._voter):
            self._written[intent] = letter.dialog_id
            self._ask()

    def _lost(self, letter: _Letter, error: str) -> None:
        if letter.ballot == (self._a, self._b, self._voter):
            self._forget(letter.dialog_id)
            self._draw()
        self.app.show_message(f"a vote was not recorded: {error}", title="Vote", error=True)

    def _forget(self, name: str) -> None:
        """Reset a dialogue to its state in the store, because its vote was not recorded."""
        self._choices.pop(name, None)
        if name in self._history:
            self._history.remove(name)

    @property
    def _current(self) -> BallotItem | None:
        """The first pair without a vote."""
        return next((item for item in self._items or () if self._choice(item) is None), None)

    def _choice(self, item: BallotItem) -> Choice | None:
        return self._choices.get(item.dialog_id, item.choice)

    def _ask(self) -> None:
        if self._voter:
            ballot = (self._a, self._b, self._voter)
            look = partial(_look, ballot, self._uniform, tuple(self._written))
            self.app.read("ballot", look, self._receive)

    def _receive(self, seen: _VotingData) -> None:
        quality, outcomes, items, rate, with_verdicts = seen
        failed = False
        for outcome in outcomes:
            name = None if outcome.state == "pending" else self._written.pop(outcome.id, None)
            if name is not None and outcome.state == "failed":
                failed = True
                self._forget(name)
                self.app.show_message(f"a vote was not recorded: {outcome.error}", title="Vote", error=True)
        new = (quality, items, rate, with_verdicts)
        if failed or new != (self._quality, self._items, self._rate, self._with_verdicts):
            self._quality, self._items, self._rate, self._with_verdicts = new
            self._draw()

    def _draw(self) -> None:
        item = self._current
        for widget in ("context", "responses"):
            self.query_one(f"#{widget}").display = item is not None
        self.query_one("#summary").display = item is None
        self.query_one("#progress", Static).update(self._progress())
        if item is None:
            self._drawn = ""
            self.query_one("#summary", Static).update(self._summary())
            return
        self.query_one("#text-context", Static).update(
            Content.assemble(
                ("Situation  ", "$text-muted"),
                visible(item.situation.strip(), lines=True),
                ("\nUtterance  ", "$text-muted"),
                visible(item.utterance.strip(), lines=True),
            )
        )
        gap = "  " if self.has_class("low") else "\n\n"
        for side, glyph, text in (("left", "← Left", item.left), ("right", "→ Right", item.right)):
            words = visible(text.strip(), lines=True) or "(empty response)"
            self.query_one(f"#text-{side}", Static).update(
                Content.assemble((glyph, "$text-accent bold"), gap, words)
            )
        if item.dialog_id != self._drawn:
            self._drawn = item.dialog_id
            for area in self.query(ReadingArea):
                area.scroll_home(animate=False)

    def _progress(self) -> Content:
        items = self._items or ()
        choices = [self._choice(item) for item in items]
        waiting = sum(self._choice(item) != item.choice for item in items)
        skipped = choices.count("skip")
        voted = len(choices) - choices.count(None) - skipped
        parts = [] if self._items is None else [f"{voted} of {len(items)} voted"]
        if skipped:
            parts.append(f"{skipped} skipped")
        if waiting:
            parts.append(f"{waiting} pending")
        if self._uniform:
            parts.append("drawn uniformly")
        elif any(item.draw is not None and self._choice(item) is None for item in items):
            parts.append("drawn by uncertainty")
        # Only how many votes are missing: who votes on must not know who is ahead.
        more = [one.more for one in self._with_verdicts]
        if more and None not in more and any(more):
            parts.append(f"about {max(filter(None, more))} more decide it")
        question = f"Which response shows more {visible(self._quality)}?  " if self._quality else ""
        return Content.assemble(
            (question, "bold"),
            (" · ".join((*parts, f"voter {visible(self._voter)}")), "$text-muted"),
        )

    def _summary(self) -> Content:
        if self._items is None:
            return Content.styled("Reading the pairs …", "$text-muted")
        if not self._items:
            return Content("There are no pairs to vote on: the responses are equal or missing.")
        skipped = any(self._choice(item) == "skip" for item in self._items)
        lines = [Content.styled(f"All pairs have votes{' or were skipped' * skipped}.", "bold")]
        rate = self._rate
        if rate is not None:
            names = f"{visible(rate.b)} vs. {visible(rate.a)}"
            interval = formats.span(rate.ci_low, rate.ci_high)
            share = f"{formats.percent(rate.win_rate_b, 1)} ({interval})"
            voters = ", ".join(map(visible, rate.voters))
            lines += [
                Content.assemble((f"{names}: ", ""), (share, "bold")),
                Content(
                    f"{formats.counted(rate.votes, 'vote')} on "
                    f"{formats.counted(rate.dialogues, 'dialogue')}: {rate.wins_b} for {visible(rate.b)}, "
                    f"{rate.wins_a} for {visible(rate.a)}, {formats.counted(rate.ties, 'tie')}, "
                    f"{rate.skipped} skipped." + (f" {human_votes.WEIGHTED}" if rate.weighted else "")
                ),
                Content.styled(f"Voters: {voters}. Interval: {rate.interval}.", "$text-muted"),
                *(
                    Content(
                        f"With the verdicts of {visible(one.judge)}: {visible(human_votes.sentence(one))}"
                    )
                    for one in self._with_verdicts
                ),
            ]
        leave, undo = self.app.key_name("screen.back", "Esc"), self.app.key_name("vote.undo", "u")
        words = f"{leave} leaves, {undo} undoes the last vote of this session."
        lines.append(Content.styled(words, "$text-muted"))
        return Content("\n").join(lines)


@dataclass(frozen=True)
class _Letter:
    """A vote or an undone vote that waits to be written."""

    ballot: _Ballot
    dialog_id: str
    ask: Callable[[Commands], int]


def _look(ballot: _Ballot, uniform: bool, written: Sequence[int], workspace: Workspace) -> _VotingData:
    # Read the intents first, so that the items include their effects.
    outcomes = tuple(map(workspace.pipeline.intent, written))
    return (
        workspace.evaluation.quality(),
        outcomes,
        workspace.evaluation.ballot_items(*ballot, uniform=uniform),
        workspace.evaluation.human_win_rate(*ballot[:2]),
        tuple(one for one in workspace.evaluation.prediction_powered() if {one.a, one.b} == set(ballot[:2])),
    )
