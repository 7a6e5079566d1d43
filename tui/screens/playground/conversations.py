"""Conversations as texts: lines of the history, and what is copied."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tui.format import playground as words
from tui.format import values as formats

if TYPE_CHECKING:
    from core.api import Dialogue, PlaygroundTurn

#: Characters of an utterance in a line of the history.
_MAX_LENGTH = 60


def newest_first(turns: Iterable[PlaygroundTurn]) -> dict[str, tuple[PlaygroundTurn, ...]]:
    """Each turn of the history by its line, the newest first, with the conversation up to it."""
    by_number: dict[tuple[str, int], PlaygroundTurn] = {}
    found: dict[str, tuple[PlaygroundTurn, ...]] = {}
    for turn in turns:
        by_number[turn.conversation, turn.number] = turn
        # Of turns that were sent again, the newest at that time.
        before = tuple(
            by_number[turn.conversation, number]
            for number in range(1, turn.number)
            if (turn.conversation, number) in by_number
        )
        found[_line(turn)] = (*before, turn)
    return dict(reversed(found.items()))


def line(text: str) -> str:
    """A text in one line, as a field shows it."""
    return " ".join(text.split())


def fields(dialogue: Dialogue) -> tuple[str, str]:
    """Situation and utterance, as the fields show them."""
    return line(dialogue.situation), line(dialogue.utterance)


def is_in_all(turns: Iterable[PlaygroundTurn], responder: str) -> bool:
    """Whether a responder has answered in every turn."""
    return all(any(answer.responder == responder for answer in turn.answers) for turn in turns)


def as_text(turns: Sequence[PlaygroundTurn]) -> str:
    """A conversation to be copied."""
    parts = [f"Situation: {turns[0].situation}"] if turns and turns[0].situation else []
    for turn in turns:
        parts.append(f"Utterance: {turn.utterance}")
        for answer in turn.answers:
            parts.append(f"{answer.responder}: {answer.text or words.text(answer)}")
    return "\n\n".join(parts)


def _line(turn: PlaygroundTurn) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", formats.local_time(turn.at))
    utterance = line(turn.utterance)
    shown = utterance if len(utterance) <= _MAX_LENGTH else f"{utterance[: _MAX_LENGTH - 1]}…"
    return f"{at}  {turn.number}. {shown}  {turn.id[:4]}"
