"""Vote: two responses without names, in random order; a key says which one is better."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.components.workspace_screen import RoomScreen
from tui.format import values as figures
from tui.format.text import visible
from tui.screens.pairs.screen import WIDE

if TYPE_CHECKING:
    from core.api import BallotItem, Choice, Commands, HumanWinRate, IntentResult, Snapshot, Workspace

Side = Literal["left", "right"]
_Seen = tuple["tuple[IntentResult, ...]", "tuple[BallotItem, ...]", "HumanWinRate | None"]
#: Two responders and the voter.
_Ballot = tuple[str, str, str]


class VoteScreen(RoomScreen):
    """One pair at a time; the names are told once all are voted on."""

    ROOM = "voting"
    ABOUT = "Which response shows more empathy? Who wrote them is told when all are voted on."
    CSS_PATH = "voting.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left,h", "choose('left')", "Left", id="vote.left", key_display="←", tooltip="Left is better"
        ),
        Binding(
            "right,l", "choose('right')", "Right", id="vote.right", key_display="→", tooltip="Right is better"
        ),
        Binding("t", "choose('tie')", "Tie", id="vote.tie", tooltip="Both are equally good"),
        Binding("s", "choose('skip')", "Skip", id="vote.skip", tooltip="Leave this pair out"),
        Binding("u", "undo", "Undo", id="vote.undo", tooltip="Take the last vote back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._a = self._b = self._voter = ""
        self._papers: Sequence[BallotItem] | None = None
        self._rate: HumanWinRate | None = None
        #: Dialogue → what was said here, None for a vote that was taken back.
        self._said: dict[str, Choice | None] = {}
        #: The dialogues that were voted on here, in order.
        self._history: list[str] = []
        #: Votes on their way into the store, one after the other.
        self._outgoing: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        #: Intent → dialogue, of those that are written and not known to be carried out.
        self._written: dict[int, str] = {}

    def body(self) -> ComposeResult:
        yield Static(id="progress", markup=False)
        yield Static(id="context", markup=False)
        with Container(id="responses"):
            for side in ("left", "right"):
                with VerticalScroll(id=f"side-{side}", classes="side"):
                    yield Static(id=f"text-{side}", markup=False)
        yield Static(id="summary", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._send, name="Vote", thread=True, exit_on_error=False)
        self._draw()

    def on_unmount(self) -> None:
        self._outgoing.put(None)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")

    def open_ballot(self, a: str, b: str, voter: str) -> None:
        """Let `voter` vote on the responses of `a` and `b`."""
        if (a, b, voter) != (self._a, self._b, self._voter):
            self._a, self._b, self._voter = a, b, voter
            self._papers, self._rate, self._said, self._history = None, None, {}, []
            self._written = {}
            self._draw()
        self._ask()

    def show(self, snapshot: Snapshot) -> None:
        self._ask()

    def action_choose(self, choice: Side | Literal["tie", "skip"]) -> None:
        paper = self._current
        if paper is None:
            self.app.tell("there is no pair left to vote on" if self._papers else "there is no pair yet")
            return
        side: dict[str, Choice] = {
            "left": "a" if paper.order == "ab" else "b",
            "right": "b" if paper.order == "ab" else "a",
            "tie": "tie",
            "skip": "skip",
        }
        chosen, a, b, voter = side[choice], self._a, self._b, self._voter
        self._said[paper.dialog_id] = chosen
        self._history.append(paper.dialog_id)
        self._post(paper, lambda commands: commands.vote(paper, a, b, voter, chosen))
        self._draw()

    def action_undo(self) -> None:
        if not self._history:
            self.app.tell("there is no vote of this sitting to take back")
            return
        name, a, b, voter = self._history.pop(), self._a, self._b, self._voter
        paper = next(paper for paper in self._papers or () if paper.dialog_id == name)
        self._said[name] = None
        self._post(paper, lambda commands: commands.unvote(paper, a, b, voter))
        self._draw()

    def step_back(self) -> None:
        self.app.leave_ballot()

    def _send(self) -> None:
        """Write votes in the order in which they were cast; the screen does not wait for it."""
        from core.api import UserError, open_workspace

        # It writes votes and reads nothing: no connection is open meanwhile.
        commands = open_workspace(self.app.workspace).commands
        while (letter := self._outgoing.get()) is not None:
            try:
                intent = letter.ask(commands)
            except UserError as error:
                self.app.call_later(self._lost, letter, str(error))
            else:
                self.app.call_later(self._sent, letter, intent)

    def _post(self, paper: BallotItem, ask: Callable[[Commands], int]) -> None:
        self._outgoing.put(_Letter((self._a, self._b, self._voter), paper.dialog_id, ask))

    def _sent(self, letter: _Letter, intent: int) -> None:
        if letter.ballot == (self._a, self._b, self._voter):
            self._written[intent] = letter.dialog_id
            self._ask()

    def _lost(self, letter: _Letter, error: str) -> None:
        if letter.ballot == (self._a, self._b, self._voter):
            self._forget(letter.dialog_id)
            self._draw()
        self.app.tell(f"a vote was not recorded: {error}", title="Vote", error=True)

    def _forget(self, name: str) -> None:
        """Show a dialogue as the store has it: what was said of it here did not get there."""
        self._said.pop(name, None)
        if name in self._history:
            self._history.remove(name)

    @property
    def _current(self) -> BallotItem | None:
        """The first pair without a vote."""
        return next((paper for paper in self._papers or () if self._choice(paper) is None), None)

    def _choice(self, paper: BallotItem) -> Choice | None:
        return self._said.get(paper.dialog_id, paper.choice)

    def _ask(self) -> None:
        if self._voter:
            ballot = (self._a, self._b, self._voter)
            self.app.read("ballot", partial(_look, ballot, tuple(self._written)), self._receive)

    def _receive(self, seen: _Seen) -> None:
        outcomes, papers, rate = seen
        failed = False
        for outcome in outcomes:
            name = None if outcome.state == "pending" else self._written.pop(outcome.id, None)
            if name is not None and outcome.state == "failed":
                failed = True
                self._forget(name)
                self.app.tell(f"a vote was not recorded: {outcome.error}", title="Vote", error=True)
        if failed or (papers, rate) != (self._papers, self._rate):
            self._papers, self._rate = papers, rate
            self._draw()

    def _draw(self) -> None:
        paper = self._current
        for widget in ("context", "responses"):
            self.query_one(f"#{widget}").display = paper is not None
        self.query_one("#summary").display = paper is None
        self.query_one("#progress", Static).update(self._progress())
        if paper is None:
            self.query_one("#summary", Static).update(self._summary())
            return
        self.query_one("#context", Static).update(
            Content.assemble(
                ("Context    ", "$text-muted"),
                visible(paper.situation.strip(), lines=True),
                ("\nUtterance  ", "$text-muted"),
                visible(paper.utterance.strip(), lines=True),
            )
        )
        for side, glyph, text in (("left", "← Left", paper.left), ("right", "→ Right", paper.right)):
            words = visible(text.strip(), lines=True) or "(no word)"
            self.query_one(f"#text-{side}", Static).update(
                Content.assemble((f"{glyph}\n\n", "$text-accent bold"), words)
            )
            self.query_one(f"#side-{side}", VerticalScroll).scroll_home(animate=False)

    def _progress(self) -> Content:
        papers = self._papers or ()
        choices = [self._choice(paper) for paper in papers]
        waiting = sum(self._choice(paper) != paper.choice for paper in papers)
        voted, skipped = len(choices) - choices.count(None), choices.count("skip")
        parts = [f"{voted} of {len(papers)} voted"]
        if skipped:
            parts.append(f"{skipped} skipped")
        if waiting:
            parts.append(f"{waiting} on their way")
        return Content.assemble(
            (visible(self._voter), "bold"),
            ("  which shows more empathy?  ", ""),
            (" · ".join(parts), "$text-muted"),
        )

    def _summary(self) -> Content:
        if self._papers is None:
            return Content.styled("The pairs are being read.", "$text-muted")
        if not self._papers:
            return Content("There is no pair to vote on: the two gave the same responses, or none.")
        lines = [Content.styled("All pairs are voted on.", "bold")]
        rate = self._rate
        if rate is not None:
            names = f"{visible(rate.b)} against {visible(rate.a)}"
            share = (
                f"{figures.percent(rate.win_rate_b, 1)} ({rate.ci_low * 100:.1f}–{rate.ci_high * 100:.1f})"
            )
            voters = ", ".join(map(visible, rate.voters))
            lines += [
                Content.assemble((f"{names}: ", ""), (share, "bold")),
                Content(
                    f"{rate.votes} votes on {rate.dialogues} dialogues: {rate.wins_b} for {visible(rate.b)}, "
                    f"{rate.wins_a} for {visible(rate.a)}, {rate.ties} ties, {rate.skipped} skipped."
                ),
                Content.styled(f"Voters: {voters}. Interval: {rate.interval}.", "$text-muted"),
            ]
        lines.append(Content.styled("Esc leaves, u takes the last vote of this sitting back.", "$text-muted"))
        return Content("\n").join(lines)


@dataclass(frozen=True)
class _Letter:
    """A vote, or one taken back, on its way into the store."""

    ballot: _Ballot
    dialog_id: str
    ask: Callable[[Commands], int]


def _look(ballot: _Ballot, written: Sequence[int], workspace: Workspace) -> _Seen:
    # The intents first: what became of one is then in the papers.
    outcomes = tuple(map(workspace.pipeline.intent, written))
    return (
        outcomes,
        workspace.evaluation.ballot_items(*ballot),
        workspace.evaluation.human_win_rate(*ballot[:2]),
    )
