"""The judges' answers to a pair and the prompt of one order, below the responses."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static


class JudgedView(VerticalScroll):
    """Two parts that have the focus; the whole scrolls if they are stacked."""

    DEFAULT_CSS: ClassVar[str] = """
    JudgedView {
        height: auto;
        max-height: 30%;
        border-top: solid $border-blurred;
        layout: vertical;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        #part-answers, #part-question {
            width: 1fr;
            height: auto;
            padding: 0 1;
            scrollbar-size-vertical: 1;
        }
        #answers, #question { height: auto; }
    }
    """

    def __init__(self) -> None:
        self._answers = Static(id="answers", markup=False)
        self._question = Static(id="question", markup=False)
        self._answers_part = VerticalScroll(self._answers, id="part-answers")
        self._question_part = VerticalScroll(self._question, id="part-question")
        super().__init__(self._answers_part, self._question_part, id="judged", can_focus=False)

    def show(self, answers: Content | None, question: Content | None) -> None:
        """Show the judges' answers and a judge's prompt; None hides a part, and two hide the whole."""
        self.display = answers is not None or question is not None
        for text, content, part in (
            (self._answers, answers, self._answers_part),
            (self._question, question, self._question_part),
        ):
            part.display = content is not None
            if content is not None:
                text.update(content)

    def scroll_to_question(self) -> None:
        """Show the prompt from its top."""
        self._question_part.scroll_home(animate=False)
        # Below the answers it would open outside the visible area.
        self.call_after_refresh(self._question_part.scroll_visible, animate=False, top=True)
