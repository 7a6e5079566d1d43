"""What people do with answers: have a judge compare two of them, keep one as a note on its run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from tui.components.workspace_screen import WorkspaceScreen
from tui.format import playground as words
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import (
        OpinionQuestion,
        PendingOpinion,
        PlaygroundAnswer,
        PlaygroundCost,
        PlaygroundJudge,
        PlaygroundOpinion,
        PlaygroundTurn,
        Workspace,
        WorkspacePaths,
    )


#: What is paid for: a teacher and a judge may have the same name.
Paid = Literal["answers", "opinion"]


class AnswerActions(WorkspaceScreen):
    """A screen with a conversation."""

    WRITES = frozenset({"judge", "note"})

    def __init__(self) -> None:
        super().__init__()
        self._turns: tuple[PlaygroundTurn, ...] = ()
        self._judges: Sequence[PlaygroundJudge] = ()
        #: The teachers and the judges that may be paid for without another question.
        self._agreed: dict[Paid, frozenset[str]] = {"answers": frozenset(), "opinion": frozenset()}
        #: The judge that compares now, by its name; empty for none.
        self._judge = ""
        self._pending_opinion: PendingOpinion | None = None
        #: Whether what Esc stops has ended and nothing was done since: the next Esc may be too late.
        self._has_just_ended = False

    def chosen_answer(self) -> PlaygroundAnswer | None:
        """The answer under the cursor to the newest turn."""
        raise NotImplementedError

    def draw_about(self) -> None:
        """Draw what goes on."""
        raise NotImplementedError

    # Paying.

    def agree(
        self,
        paid: Paid,
        cost: PlaygroundCost | None,
        go_on: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        """Go on if nothing is paid, or people have agreed to pay these models; ask them otherwise."""
        from tui.dialogs.confirm import ConfirmScreen

        if cost is None or self._agreed[paid].issuperset(cost.models):
            go_on()
            return

        def answered(agrees: bool | None) -> None:
            if agrees:
                self._agreed[paid] |= set(cost.models)
                go_on()
            else:
                give_up()

        question = f"Ask {visible(', '.join(cost.models))}, which costs money?"
        dialog = ConfirmScreen(question, words.cost(cost), "Ask", "Cancel", "warning")
        self.app.push_screen(dialog, answered)

    # The opinion of a judge.

    def action_judge(self) -> None:
        if not self.can("judge"):
            return
        given = self._turns[-1].answers if self._turns else ()
        answers = [answer for answer in given if answer.text]
        judges = [judge.name for judge in self._judges if judge.problem is None]
        if len(answers) < 2:
            empty = ", ".join(visible(answer.responder) for answer in given if not answer.text)
            remedy = f"there is none by {empty}" if len(given) > 1 else "ask two responders"
            self.app.show_message(f"a judge compares two answers to the same utterance: {remedy}")
        elif not judges:
            problems = [f"{judge.name}: {judge.problem}" for judge in self._judges]
            self.app.show_message("; ".join(problems) or "no judge is defined: add [judges.NAME]")
        else:
            self._pick_one("Which judge?", judges, lambda judge: self._choose_answers(judge, answers))

    def _choose_answers(self, judge: str, answers: Sequence[PlaygroundAnswer]) -> None:
        pairs = {f"{a.responder}  vs.  {b.responder}": (a, b) for a, b in combinations(answers, 2)}
        title = f"Which two answers does {visible(judge)} compare?"
        self._pick_one(title, list(pairs), lambda pair: self._ask_judge(judge, *pairs[pair]))

    def _pick_one(self, title: str, names: Sequence[str], take: Callable[[str], None]) -> None:
        """Have people choose, unless there is one alone."""
        from tui.dialogs.choose import ChooseScreen

        if len(names) == 1:
            take(names[0])
            return
        dialog = ChooseScreen(title, names, None)
        self.app.push_screen(dialog, lambda name: None if name is None else take(name))

    def _ask_judge(self, judge: str, a: PlaygroundAnswer, b: PlaygroundAnswer) -> None:
        from core.api import OpinionQuestion

        turn = self._turns[-1]
        question = OpinionQuestion.of(turn, a, b)
        self.app.read(
            "cost of the opinion",
            lambda workspace: workspace.playground.opinion_cost(judge, question),
            lambda cost: self.agree(
                "opinion",
                cost,
                partial(self._opine, judge, question, is_later_turn=turn.number > 1),
                lambda: None,
            ),
        )

    def _opine(self, judge: str, question: OpinionQuestion, *, is_later_turn: bool) -> None:
        if self._judge:
            return
        self._judge = judge
        self.draw_about()
        end = partial(self._end_opinion, is_later_turn=is_later_turn)
        work = partial(self._wait_for_opinion, self.app.workspace, judge, question, end)
        self.run_worker(work, name="Judge", thread=True, exit_on_error=False)

    def _wait_for_opinion(
        self,
        paths: WorkspacePaths,
        judge: str,
        question: OpinionQuestion,
        end: Callable[[PlaygroundOpinion | None, str | None], None],
    ) -> None:
        """In a thread of its own."""
        from core.api import UserError, open_workspace

        opinion: PlaygroundOpinion | None = None
        problem: str | None = None
        try:
            with open_workspace(paths) as workspace:
                self._pending_opinion = workspace.playground.opinion(judge, question)
                opinion = self._pending_opinion.result()
        except UserError as error:
            problem = str(error)
        finally:
            self.call_later(end, opinion, problem)

    def _end_opinion(
        self, opinion: PlaygroundOpinion | None, problem: str | None, *, is_later_turn: bool
    ) -> None:
        from tui.screens.playground.opinion_dialog import OpinionDialog

        self._judge, self._pending_opinion = "", None
        self.draw_about()
        if problem is not None:
            self._has_just_ended = self.is_current
            self.app.show_message(problem, title="Judge", error=True)
        elif opinion is not None and not self.is_current:
            # Whoever has gone elsewhere is not interrupted.
            self.app.show_message(words.opinion(opinion)[0], title=f"Judge {visible(opinion.judge)}")
        elif opinion is not None:
            self.app.push_screen(OpinionDialog(opinion, is_later_turn=is_later_turn))

    def stop_judge(self) -> bool:
        """Stop the judge that compares; whether there was one."""
        if self._pending_opinion is not None:
            self._pending_opinion.cancel()
        return bool(self._judge)

    # A note on a run.

    def action_note(self) -> None:
        if not self.can("note"):
            return
        answer = self.chosen_answer()
        if answer is None or not answer.text:
            self.app.show_message("there is no answer to keep yet")
            return
        ask = partial(self._ask_for_note, self._turns[-1].utterance, answer)
        self.app.read("notes", partial(_noted, answer.responder), ask)

    def _ask_for_note(self, utterance: str, answer: PlaygroundAnswer, found: tuple[str, str] | None) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        name = visible(answer.responder)
        if found is None:
            self.app.show_message(f"{name} is not a run: only runs have notes")
            return
        job, before = found
        text = words.note(before, utterance, answer.text)

        def keep(note: str | None) -> None:
            if note is not None:
                self.app.act(f"Note on {name}", lambda commands: commands.note_run(job, note))

        self.app.push_screen(AskTextScreen(f"Note on {name}", text, adds=True), keep)


def _noted(responder: str, workspace: Workspace) -> tuple[str, str] | None:
    """The job of a run, and the note that is kept on it; None if the responder is not a run."""
    for run in workspace.runs.runs():
        if run.name == responder:
            return run.job, run.notes.note
    return None
