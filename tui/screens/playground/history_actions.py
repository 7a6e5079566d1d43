"""What people do with a conversation as a whole: copy it, write the history to a file."""

from __future__ import annotations

from pathlib import Path

from tui.navigation.file_command import FileCommand
from tui.screens.playground import conversations
from tui.screens.playground.answer_actions import AnswerActions


class HistoryActions(AnswerActions):
    """A screen with a conversation."""

    def _has_turn(self) -> bool:
        if not self._turns:
            self.app.show_message("nothing was answered yet")
        return bool(self._turns)

    def action_copy(self) -> None:
        if self._has_turn():
            self.app.copy(conversations.as_text(self._turns))

    def action_export(self) -> None:
        self.app.read(
            "turns", lambda workspace: len(workspace.playground.history().turns), self._ask_for_file
        )

    def _ask_for_file(self, turns: int) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        if not turns:
            self.app.show_message("nothing was answered yet")
            return
        paths = self.app.workspace
        file = paths.exports.relative_to(paths.root) / "playground.jsonl"
        dialog = AskTextScreen(f"Write {turns:,} turns to the JSONL file", str(file))
        self.app.push_screen(dialog, self._export)

    def _export(self, name: str | None) -> None:
        if name is not None and name.strip():
            # A relative path is one in the workspace, wherever the app was started.
            file = self.app.workspace.root / Path(name.strip()).expanduser()
            command = FileCommand("Export", ("chat", "--export", str(file)), file.parent, file)
            self.app.run_command(command)
