"""Playground: one utterance, answered by up to four responders side by side as their tokens come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, Static

from tui.format import playground as words
from tui.format.text import visible
from tui.screens.playground import conversations
from tui.screens.playground.answer_actions import AnswerActions
from tui.screens.playground.answer_column import AnswerColumn
from tui.screens.playground.answer_columns import AnswerColumns
from tui.screens.playground.history_actions import HistoryActions
from tui.screens.playground.keys import KEYS
from tui.screens.playground.offered import Offered, look
from tui.screens.playground.pending_question import PendingQuestion

if TYPE_CHECKING:
    from core.api import (
        Dialogue,
        PlaygroundAnswer,
        PlaygroundQuestion,
        PlaygroundResponder,
        Responding,
        Snapshot,
    )

#: Seconds between two looks at the process that holds the models.
LOOK_S = 2.0


class PlaygroundScreen(HistoryActions):
    """A conversation: each responder sees all utterances, and its own answers.

    Nothing is sent without a key, and nothing that was typed is discarded without a question.
    """

    MODE = "playground"
    ABOUT = (
        "Type a situation and an utterance, or take a test dialogue, and compare the answers; going back "
        "stops them. One process holds the models; it frees its memory for jobs, and ends when it is not "
        "used."
    )
    CSS_PATH = "playground.tcss"
    AUTO_FOCUS = "AnswerColumn"
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]
    WRITES = AnswerActions.WRITES | {"write", "dialogue", "retry", "edit", "free"}

    def __init__(self) -> None:
        super().__init__()
        self._offered: Sequence[PlaygroundResponder] | None = None
        #: The settings of answers, and those of config.toml, which they are until they are changed here.
        self._sampling: Responding | None = None
        self._defaults: Responding | None = None
        self._problem: str | None = None
        #: The question that is being answered.
        self._pending: PendingQuestion | None = None
        #: Whether the resident process ran at the last look.
        self._is_in_memory = False
        self._columns = AnswerColumns()

    def body(self) -> ComposeResult:
        yield self._fields
        yield Static(id="about", markup=False)
        yield self._columns
        yield Static(id="nothing", markup=False)

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False
        self.draw_about()
        self.set_interval(LOOK_S, self._look_at_process)

    def on_unmount(self) -> None:
        if self._pending is not None:
            self._pending.stop()
        self.stop_judge()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("conversation", look, self._receive)

    def _look_at_process(self) -> None:
        """The process ends by itself when it is not used, of which the store knows nothing."""
        if self._is_in_memory and self._pending is None and self.is_current:
            self.app.read(
                "models in memory", lambda workspace: workspace.playground.is_running(), self._see_process
            )

    def _see_process(self, is_running: bool) -> None:
        if not is_running:
            self.app.read("conversation", look, self._receive)

    def take(self, dialog_id: str) -> None:
        """Fill in a dialogue of the data; nothing is sent."""
        self.app.read(
            "dialogue to answer", lambda workspace: workspace.playground.dialogue(dialog_id), self._take
        )

    # What people do.

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._fields.situation:
            self._fields.utterance.focus()
        elif self.can_send():
            self._send(event.value)

    def action_write(self) -> None:
        if self.can("write"):
            is_new = not self._turns and not self._fields.situation.value
            (self._fields.situation if is_new else self._fields.utterance).focus()

    def action_dialogue(self) -> None:
        if self.can("dialogue"):
            self.app.read("random dialogue", lambda workspace: workspace.playground.dialogue(), self._take)

    def action_responders(self) -> None:
        from core.api import MAX_RESPONDERS
        from tui.screens.playground.responders_dialog import RespondersDialog

        if self._offered:
            dialog = RespondersDialog(self._offered, self._chosen, MAX_RESPONDERS)
            self.app.push_screen(dialog, self._change_responders)
        else:
            self.app.show_lack(
                "there are no responders yet", reading="conversation" if self._offered is None else None
            )

    def action_sampling(self) -> None:
        from tui.screens.playground.sampling_dialog import SamplingDialog

        if self._sampling is not None:
            self.app.push_screen(SamplingDialog(self._sampling), self._set_sampling)

    def action_retry(self) -> None:
        if self.can("retry") and self.can_send() and (last := self.take_out_last()) is not None:
            self._ask(last.situation, last.utterance, last.dialog_id)

    def action_new(self) -> None:
        if self.can_send():
            if not self._turns and self._taken_out is None:
                self.app.show_message("this is a new conversation already")
            self.continue_from(())
            self.draw()
            if not self.app.workspace.read_only:
                self._fields.begin()

    def action_judge(self) -> None:
        if self.can_send():
            super().action_judge()

    def action_free(self) -> None:
        if self.can("free"):
            self.app.read(
                "process that holds the models", lambda workspace: workspace.playground.stop(), self._freed
            )

    def action_back(self) -> None:
        """Stop the answers; else keep a turn that was to be sent again; else leave a field; else go home.

        One that was to stop them and came too late does not go home.
        """
        is_late, self._has_just_ended = self._has_just_ended, False
        if self._pending is not None:
            self._pending.stop()
        elif self.stop_judge():
            return
        elif self._taken_out is not None:
            self.discard_typed(self.keep_last)
        elif isinstance(self.focused, Input):
            self.focus_answers()
        elif is_late:
            self.app.show_message(f"there is nothing left to stop: {self._back_key} again leaves the chat")
        else:
            self.step_back()

    def on_key(self, event: Key) -> None:
        active = self.active_bindings.get(event.key) if self._has_just_ended else None
        if active is None or active.binding.action != "back":
            self._has_just_ended = False

    def on_mouse_down(self) -> None:
        self._has_just_ended = False

    def on_screen_suspend(self) -> None:
        # Another screen, a dialog or the palette.
        self._has_just_ended = False

    @property
    def _back_key(self) -> str:
        return self.app.key_name("screen.back", "esc")

    # Questions.

    def can_send(self) -> bool:
        if self._pending is not None:
            self.app.show_message(f"the answers are still coming: {self._back_key} stops them")
        return self._pending is None

    def _send(self, utterance: str) -> None:
        if not utterance.strip():
            self.app.show_message("write what the speaker says first")
            return
        dialogue, situation = self._dialogue, self._fields.situation.value
        if self._turns:
            self._ask(self._turns[0].situation, utterance, None)
        elif dialogue is not None and (situation, utterance) == conversations.fields(dialogue):
            # A field shows line breaks as spaces.
            self._ask(dialogue.situation, dialogue.utterance, dialogue.dialog_id)
        else:
            self._ask(situation, utterance, None)

    def _ask(self, situation: str, utterance: str, dialog_id: str | None) -> None:
        from core.api import PlaygroundQuestion

        if not self.can("write") or self._sampling is None:
            return
        question = PlaygroundQuestion(
            situation=situation,
            utterance=utterance,
            responders=self._chosen,
            sampling=self._sampling,
            dialog_id=dialog_id,
            earlier=self._turns,
        )
        paid = {one.name for one in self._offered or () if one.is_paid}
        if paid.isdisjoint(self._chosen):
            self._send_question(question)
            return
        self.app.read(
            "cost of the question",
            lambda workspace: workspace.playground.cost(question),
            lambda cost: self.agree(
                "answers", cost, partial(self._send_question, question), partial(self._take_back, question)
            ),
        )

    def _send_question(self, question: PlaygroundQuestion) -> None:
        if self._pending is not None:
            return
        self._pending = pending = PendingQuestion(question)
        self._dialogue = None
        self._fields.send(question.utterance)
        self.focus_answers()
        self.draw()
        work = partial(pending.run, self.app.workspace, lambda: self.call_later(self._take_in, pending))
        self.run_worker(work, name="Playground", thread=True, exit_on_error=False)

    def _take_back(self, question: PlaygroundQuestion) -> None:
        """Keep a question that is not sent after all, or has no answer.

        One that was sent once more is the turn that it was; another is in the field, before what was typed
        since.
        """
        out = self._taken_out
        if out is not None and out.utterance == question.utterance:
            self.put_back()
        elif not self._fields.holds(question.utterance):
            situation = self._fields.situation.value or question.situation
            utterance = f"{question.utterance} {self._fields.utterance.value}".strip()
            self._fields.fill(situation, utterance, is_typed=True)
        self.draw()

    def _take_in(self, pending: PendingQuestion) -> None:
        changed = pending.take_in()
        if self._pending is not pending:
            return
        if pending.has_ended:
            self._end(pending)
            return
        self.draw_about()
        self._columns.show(self._turns, pending, changed)

    def _end(self, pending: PendingQuestion) -> None:
        self._pending, self._is_in_memory = None, pending.turn is not None and pending.left is None
        self._has_just_ended = self.is_current and not pending.is_stopped
        if pending.turn is not None:
            self.continue_from((*self._turns, pending.turn))
        elif pending.error is not None:
            # To be sent again.
            self._take_back(pending.question)
            self.app.show_message(pending.error, title="Playground", error=True)
        if pending.left is not None:
            self.app.show_message(f"the playground has ended: {pending.left}", title="Playground")
        self.draw()

    # Answers of dialogs and of the store.

    def _receive(self, found: Offered) -> None:
        if self._sampling == self._defaults:
            self._sampling = found.sampling
        self._defaults, self._problem, self._judges = found.sampling, found.problem, found.judges
        if self._is_in_memory and not found.is_running and self._pending is None:
            why = found.ended or "see artifacts/playground/log.txt"
            self.app.show_message(f"the playground has ended: {why}", title="Playground")
        self._is_in_memory = found.is_running
        if found.offered == self._offered and self._chosen:
            self.draw_about()
            return
        self._offered = found.offered
        self._choose(found.chosen(self._chosen))

    def _choose(self, chosen: tuple[str, ...] | None) -> None:
        if chosen is not None:
            self._chosen = chosen
            self.draw()

    def _change_responders(self, chosen: tuple[str, ...] | None) -> None:
        self._choose(chosen)
        late = [visible(name) for name in chosen or () if not conversations.is_in_all(self._turns, name)]
        if late:
            self.app.show_message(
                f"{', '.join(late)}: not in all turns so far; sees all that the speaker has said, and its "
                "own answers"
            )

    def _set_sampling(self, made: Responding | None) -> None:
        if made is not None:
            self._sampling = made
            self.draw_about()

    def _take(self, dialogue: Dialogue) -> None:
        """Fill in a dialogue of the data, as a new conversation."""
        if self.can_send():
            self.discard_typed(partial(self._begin_with, dialogue))

    def _begin_with(self, dialogue: Dialogue) -> None:
        self.continue_from((), dialogue)
        self._fields.fill(*conversations.fields(dialogue))
        self.draw()
        self._fields.utterance.focus()

    def _freed(self, was_running: bool) -> None:
        self._is_in_memory = False
        self.draw_about()
        self.app.show_message("the memory is freed" if was_running else "no model is in memory")

    # Drawing.

    def focus_answers(self) -> None:
        self.set_focus(self._columns.first)

    def draw(self) -> None:
        """Draw everything again."""
        nothing = self.query_one("#nothing", Static)
        nothing.display = not self._chosen and self._offered is not None
        if nothing.display:
            nothing.update(
                f"No responders yet.\n\nImport data with {self.app.key_name('app.import', 'i')} and define a "
                "student in config.toml; the base student answers at once, its runs once they are trained."
            )
        self._fields.situation.disabled = bool(self._turns) or self._pending is not None
        self.draw_about()
        self._columns.belong_to(self._chosen)
        self._columns.show(self._turns, self._pending)
        if self.focused is None:
            self.focus_answers()

    def chosen_answer(self) -> PlaygroundAnswer | None:
        column = self.focused
        if not isinstance(column, AnswerColumn) or not self._turns:
            return None
        return next((one for one in self._turns[-1].answers if one.responder == column.responder), None)

    def draw_about(self) -> None:
        if self._problem is not None:
            self.query_one("#about", Static).update(Content.styled(visible(self._problem), "$text-error"))
            return
        parts = [] if self._sampling is None else [words.sampling(self._sampling)]
        if self._taken_out is not None and self._pending is None:
            parts.insert(
                0, f"turn {self._taken_out.number} is replaced once this is sent, {self._back_key} keeps it"
            )
        elif self._turns:
            parts.append(f"turn {len(self._turns) + 1} of a conversation")
        if self._is_in_memory:
            parts.append("models in memory")
        if self._dialogue is not None:
            parts.append(f"dialogue {visible(self._dialogue.dialog_id)}")
        if self._pending is not None:
            parts.insert(0, f"{visible(self._pending.status) or 'answering'} … {self._back_key} stops")
        if self._judge:
            parts.insert(0, f"{visible(self._judge)} compares … {self._back_key} stops")
        self.query_one("#about", Static).update(Content(" · ".join(parts)))
