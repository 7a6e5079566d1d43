"""The conversation with one responder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui.components.reading_area import ReadingArea
from tui.format import playground as words
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import PlaygroundAnswer, PlaygroundTurn


class AnswerColumn(ReadingArea):
    """Earlier turns, and the present answer as it grows."""

    DEFAULT_CSS: ClassVar[str] = """
    AnswerColumn {
        border: round $border-blurred;
        border-title-color: $foreground;
        border-subtitle-color: $text-muted;
        padding: 0 1;
        background: $surface;
        &:focus { border: round $accent; }
        & > Static { height: auto; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.responder = ""
        self._text = Static(markup=False)
        #: The answer whose measures are shown, and whether it has ended.
        self._measured: tuple[PlaygroundAnswer, bool] | None = None
        #: Whether the end of the text is to be seen.
        self._follows = True
        self.display = False

    def compose(self) -> ComposeResult:
        yield self._text

    def belong_to(self, responder: str | None) -> None:
        """Be the column of a responder; None hides it."""
        self.responder = responder or ""
        self.border_title = Content(visible(self.responder))
        self.display = responder is not None

    def show(
        self,
        turns: Sequence[PlaygroundTurn],
        asked: str | None,
        growing: PlaygroundAnswer | None,
        *,
        is_final: bool,
    ) -> None:
        """Show the turns, and what is `asked` now with the answer as far as it has come; None for none."""
        parts: list[Content] = []
        newest = growing
        for turn in turns:
            found = next((one for one in turn.answers if one.responder == self.responder), None)
            parts.append(_utterance(turn.utterance))
            if found is None:
                parts.append(Content.styled("(did not take part)", "$text-muted"))
            else:
                parts.append(_answer(found, self._same(turn)))
                newest = growing or found
        if asked is not None:
            parts.append(_utterance(asked))
            if growing is not None:
                # Before its first word, and while it thinks.
                so_far = Content(words.text(growing) if growing.text.strip() else "…")
                parts.append(_answer(growing) if is_final else so_far)
        if not parts:
            parts.append(Content.styled("no answer yet", "$text-muted"))
        # Who has scrolled back is reading.
        self._follows = self.is_vertical_scroll_end
        self._text.update(Content("\n").join(parts))
        self._measured = None if newest is None else (newest, is_final or growing is None)
        self._redraw_end()

    def on_resize(self, event: Resize) -> None:
        self._redraw_end()

    def _redraw_end(self) -> None:
        """Show as many measures as the border has room for, and the end of the text."""
        # A corner, a line and a blank at both ends; before the first layout the width is not known.
        room = self.outer_size.width - 6 if self.outer_size.width else None
        shown = ""
        if self._measured is not None:
            answer, has_ended = self._measured
            shown = words.measures(answer, is_final=has_ended, width=room)
        self.border_subtitle = Content(shown)
        if self._follows:
            self.scroll_end(animate=False)

    def _same(self, turn: PlaygroundTurn) -> str:
        """The others that gave the same answer; empty for none."""
        group = next((names for names in words.alike(turn) if self.responder in names), ())
        others = ", ".join(visible(name) for name in group if name != self.responder)
        return f"= the same answer as {others}\n" if others else ""


def _utterance(text: str) -> Content:
    return Content.styled(f"› {visible(text.strip(), lines=True)}", "$text-accent")


def _answer(answer: PlaygroundAnswer, same: str = "") -> Content:
    style = "$text-error" if answer.finish == "failed" else ""
    return Content.assemble((f"{words.text(answer)}\n", style), (same, "$text-warning"))
