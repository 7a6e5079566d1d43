"""What people do with a conversation as a whole: replace its last turn, go on with an earlier one, copy it,
write the history to a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.text import visible
from tui.format.values import counted
from tui.navigation.file_command import FileCommand
from tui.screens.playground import conversations
from tui.screens.playground.answer_actions import AnswerActions
from tui.screens.playground.question_fields import QuestionFields

if TYPE_CHECKING:
    from core.api import Dialogue, PlaygroundHistory, PlaygroundTurn


class HistoryActions(AnswerActions):
    """A screen with a conversation."""

    def __init__(self) -> None:
        super().__init__()
        #: Who answers.
        self._chosen: tuple[str, ...] = ()
        self._fields = QuestionFields()
        #: The dialogue that the fields were filled from.
        self._dialogue: Dialogue | None = None
        #: The turn that is to be sent again, until another one has taken its place.
        self._taken_out: PlaygroundTurn | None = None

    def can_send(self) -> bool:
        """Whether nothing is being answered; shows what to do if something is."""
        raise NotImplementedError

    def focus_answers(self) -> None:
        """Leave the fields."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw everything again."""
        raise NotImplementedError

    def has_turn(self) -> bool:
        """Whether there is a turn; shows if there is none."""
        if not self._turns:
            self.app.show_message("nothing was answered yet")
        return bool(self._turns)

    def continue_from(self, turns: tuple[PlaygroundTurn, ...], dialogue: Dialogue | None = None) -> None:
        """Have the conversation consist of these turns; `dialogue` is what the fields are filled from."""
        self._turns, self._dialogue, self._taken_out = turns, dialogue, None

    def discard_typed(self, go_on: Callable[[], None]) -> None:
        """Go on, which puts other texts into the fields; ask before if something typed would be lost."""
        from tui.dialogs.confirm import ConfirmScreen

        typed = self._fields.typed()
        if not typed:
            go_on()
            return
        body = Content(visible(typed, lines=True))
        dialog = ConfirmScreen("Discard what you have typed?", body, "Discard", "Keep", "warning")
        self.app.push_screen(dialog, lambda agrees: go_on() if agrees and self.can_send() else None)

    def take_out_last(self) -> PlaygroundTurn | None:
        """Take the last turn out of the conversation, so that another one takes its place.

        Shows that there is none if there is none.
        """
        self.put_back()
        if self.has_turn():
            self._turns, self._taken_out = self._turns[:-1], self._turns[-1]
        return self._taken_out

    def put_back(self) -> bool:
        """Put back the turn that was taken out; whether there was one."""
        if self._taken_out is None:
            return False
        self.continue_from((*self._turns, self._taken_out))
        return True

    def action_edit(self) -> None:
        if self.can("edit") and self.can_send() and (self._taken_out is not None or self.has_turn()):
            self.discard_typed(self._edit_last)

    def _edit_last(self) -> None:
        if (last := self.take_out_last()) is not None:
            self._fields.fill(last.situation, last.utterance)
            self._fields.utterance.focus()
            self.draw()

    def keep_last(self) -> None:
        """Keep the turn that was to be replaced as it is."""
        if self.put_back():
            self._fields.fill(self._turns[0].situation, "")
            self.focus_answers()
            self.draw()

    def action_history(self) -> None:
        if self.can_send():
            self.app.read("history", lambda workspace: workspace.playground.history(), self._offer_history)

    def action_copy(self) -> None:
        if self.has_turn():
            self.app.copy(conversations.as_text(self._turns))

    def action_export(self) -> None:
        self.app.read(
            "conversations", lambda workspace: len(workspace.playground.history().turns), self._ask_for_file
        )

    def _offer_history(self, history: PlaygroundHistory) -> None:
        from tui.dialogs.choose import ChooseScreen

        lines = conversations.newest_first(history.turns)
        if history.unreadable:
            self.app.show_message(f"not readable: {counted(history.unreadable, 'line')} of the history")
        if not lines:
            self.app.show_message("nothing was answered yet")
            return

        def go_on(line: str | None) -> None:
            if line is not None and self.can_send():
                self.discard_typed(partial(self._go_on, lines[line]))

        self.app.push_screen(ChooseScreen("Continue a conversation", list(lines), None), go_on)

    def _go_on(self, turns: tuple[PlaygroundTurn, ...]) -> None:
        self.continue_from(turns)
        self._fields.fill(turns[0].situation, "")
        # Who cannot answer any more is shown, and pending says why.
        self._chosen = tuple(answer.responder for answer in turns[-1].answers)
        self.draw()
        self.focus_answers()

    def _ask_for_file(self, turns: int) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        if not turns:
            self.app.show_message("nothing was answered yet")
            return
        paths = self.app.workspace
        file = paths.exports.relative_to(paths.root) / "playground.jsonl"
        dialog = AskTextScreen(f"Write {counted(turns, 'turn')} to the JSONL file", str(file))
        self.app.push_screen(dialog, self._export)

    def _export(self, name: str | None) -> None:
        if name is not None and name.strip():
            # A relative path is one in the workspace, wherever the app was started.
            file = self.app.workspace.root / Path(name.strip()).expanduser()
            command = FileCommand("Export", ("chat", "--export", str(file)), file.parent, file)
            self.app.run_command(command)
