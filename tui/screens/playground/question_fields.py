"""The two fields of a question: the situation of the conversation, and what the speaker says next."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input
from textual.widgets.input import Selection

from tui.screens.playground import conversations
from tui.screens.playground.labelled_field import LabelledField


class QuestionFields(Vertical):
    """Two fields of one line each, which know what people have typed into them."""

    DEFAULT_CSS = "QuestionFields { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        #: What the program has put into the fields.
        self._filled = ("", "")

    def compose(self) -> ComposeResult:
        yield LabelledField("situation", "Situation", "what happened to the speaker; may be empty")
        yield LabelledField("utterance", "Utterance", "what the speaker says; Enter sends it")

    @property
    def situation(self) -> Input:
        """The field of the situation; disabled within a conversation."""
        return self.query_one("#situation", Input)

    @property
    def utterance(self) -> Input:
        """The field of the next utterance."""
        return self.query_one("#utterance", Input)

    def fill(self, situation: str, utterance: str, *, is_typed: bool = False) -> None:
        """Put texts into the fields; `is_typed` if people have typed them."""
        self.situation.value = conversations.line(situation)
        self.utterance.value = conversations.line(utterance)
        # The field selects nothing on focus: whoever edits what was said would lose it with the first letter.
        self.utterance.cursor_position = len(self.utterance.value)
        self._filled = ("", "") if is_typed else (self.situation.value, self.utterance.value)

    def holds(self, utterance: str) -> bool:
        """Whether the field of the next utterance has this one."""
        return conversations.line(self.utterance.value) == conversations.line(utterance)

    def send(self, utterance: str) -> None:
        """Make room for the next utterance; what people have typed besides the one that is sent stays."""
        if self.holds(utterance):
            self.utterance.value = ""
        self._filled = (self.situation.value, "")

    def typed(self) -> str:
        """What people have typed and not sent; empty for nothing."""
        found = [
            field.value
            for field, filled in zip((self.situation, self.utterance), self._filled, strict=True)
            if field.value != filled and not field.disabled
        ]
        return "\n".join(text for text in found if text.strip())

    def begin(self) -> None:
        """Focus the situation. It stays for a new conversation, unless another one is typed over it."""
        self.situation.focus()
        self.situation.selection = Selection(0, len(self.situation.value))
