"""The conversations with all chosen responders, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Resize

from core.api import MAX_RESPONDERS
from tui.screens.playground.answer_column import AnswerColumn

if TYPE_CHECKING:
    from core.api import PlaygroundTurn
    from tui.screens.playground.pending_question import PendingQuestion

#: Columns of characters that an answer needs beside others.
_COLUMN = 38


class AnswerColumns(Container):
    """A column for each chosen responder; not displayed without any."""

    DEFAULT_CSS: ClassVar[str] = """
    AnswerColumns {
        height: 1fr;
        margin-top: 1;
        layout: grid;
        grid-size: 2;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._columns = [AnswerColumn() for _ in range(MAX_RESPONDERS)]
        self._count = 0
        self.display = False

    def compose(self) -> ComposeResult:
        yield from self._columns

    def on_resize(self, event: Resize) -> None:
        self._arrange()

    def belong_to(self, responders: Sequence[str]) -> None:
        """Have a column for each of these responders."""
        self._count = len(responders)
        self.display = bool(responders)
        for place, column in enumerate(self._columns):
            column.belong_to(responders[place] if place < len(responders) else None)
        self._arrange()

    def show(
        self,
        turns: Sequence[PlaygroundTurn],
        pending: PendingQuestion | None,
        changed: frozenset[str] | None = None,
    ) -> None:
        """Show the turns and the question that is being answered; `changed` limits it to these responders."""
        for column in self._columns[: self._count]:
            if changed is not None and column.responder not in changed:
                continue
            answer, is_final, asked = None, False, None
            if pending is not None and column.responder in pending.question.responders:
                asked = pending.question.utterance
                answer, is_final = pending.answers.get(column.responder, (None, False))
            column.show(turns, asked, answer, is_final=is_final)

    @property
    def first(self) -> AnswerColumn | None:
        """The first responder's column; None without responders."""
        return self._columns[0] if self._count else None

    def _arrange(self) -> None:
        """Put as many answers beside each other as there is room for; the last one takes what is left."""
        count = max(1, self._count)
        rows = -(-count // max(1, self.screen.size.width // _COLUMN))
        # Four in two rows of two, not of three and one.
        fits = -(-count // rows)
        self.styles.grid_size_columns = fits
        for place, column in enumerate(self._columns, start=1):
            column.styles.column_span = fits - (count - 1) % fits if place == count else 1
