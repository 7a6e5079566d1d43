"""Conversations of several turns: the last turn of the speaker that has an answer becomes a dialogue.

The turns before it are its context, and stand after the situation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from core.dialogues.mapping import MESSAGES
from core.dialogues.problems import FileProblem, Problems, short
from core.dialogues.sources.reader_protocol import Row
from core.domain.data.dialogues import HUMAN

_SPEAKERS = frozenset(
    ("user", "human", "speaker", "seeker", "client", "patient", "customer", "prompter", "usr", "poster")
)
_LISTENERS = frozenset(
    (
        *(
            "assistant",
            "gpt",
            "bot",
            "listener",
            "supporter",
            "model",
            "therapist",
            "counselor",
            "counsellor",
        ),
        *("chatbot", "ai", "system_response", "sys", "responder", "helper"),
    )
)
#: Messages that are no turns of a conversation.
_SKIPPED = frozenset(("system", "developer", "tool", "function"))
_ROLES, _TEXTS = ("role", "from", "speaker", "author"), ("content", "value", "text", "utterance")
#: How EmpatheticDialogues writes a character that would separate the cells of its files.
_MARKS = {"_comma_": ",", "_pipe_": "|"}
_MARK = re.compile("|".join(_MARKS))
_RESPONSE = f"response_{HUMAN}"
_NUMBER = re.compile(r"\d{1,9}(?:\.0+)?", re.ASCII)


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation."""

    by_speaker: bool
    """Whether the speaker says it; else the listener does."""
    text: str
    """What is said."""


@dataclass(frozen=True)
class Exchange:
    """A turn and its answer."""

    earlier: tuple[Turn, ...]
    """The turns before it."""
    utterance: str
    """The turn that is answered."""
    answer: str | None
    """The listener's next turn; None without one."""

    def context(self, situation: str) -> str:
        """The situation, followed by the earlier turns."""
        turns = "\n".join(f"{'Speaker' if t.by_speaker else 'Listener'}: {t.text}" for t in self.earlier)
        return "\n\n".join(part for part in (situation, turns) if part)


def exchange(turns: Iterable[Turn], *, answered: bool) -> Exchange:
    """The last turn of the speaker, if `answered` the last one that the listener answers.

    Turns of one person in a row are one turn. Without any turn of the speaker the utterance is empty.
    """
    merged: list[Turn] = []
    for by_speaker, group in groupby(turns, lambda turn: turn.by_speaker):
        merged.append(Turn(by_speaker, "\n".join(turn.text for turn in group)))
    at = [number for number, turn in enumerate(merged) if turn.by_speaker]
    if answered:
        at = [number for number in at if number + 1 < len(merged)] or at
    if not at:
        return Exchange((), "", None)
    last = at[-1]
    answer = merged[last + 1].text if last + 1 < len(merged) else None
    return Exchange(tuple(merged[:last]), merged[last].text, answer)


def messages(cell: str) -> list[Turn]:
    """The turns of a cell with a list of chat messages, or of texts of which the speaker says the first.

    Raises `ValueError` with what is wrong.
    """
    try:
        found = msgspec.json.decode(cell)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a list of messages in JSON ({error})") from error
    if not isinstance(found, list):
        raise ValueError("not a list of messages")
    turns = []
    for number, message in enumerate(found):
        if isinstance(message, str):
            turns.append(Turn(number % 2 == 0, message))
            continue
        if not isinstance(message, dict):
            raise ValueError(f"message {number + 1} is not a record with role and content")
        role = next((message[key] for key in _ROLES if key in message), None)
        text = next((message[key] for key in _TEXTS if key in message), None)
        if not isinstance(role, str) or not isinstance(text, str):
            raise ValueError(f"message {number + 1} has no role or no content that is a text")
        name = role.strip().casefold()
        if name in _SKIPPED:
            continue
        if name not in _SPEAKERS and name not in _LISTENERS:
            raise ValueError(
                f"message {number + 1} has the role {short(role)}: use user for the speaker and assistant "
                "for the listener"
            )
        turns.append(Turn(name in _SPEAKERS, text))
    return turns


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None


class Conversations:
    """Rows of conversations as rows of dialogues.

    `names` are the columns of the conversations, `labels` what the file calls them. `header` are those of the
    dialogues, whose last ones are made from the turns; `consumed` are the columns that they are made from.
    """

    def __init__(self, names: Sequence[str], labels: Sequence[str], *, unescape: bool) -> None:
        self._labels = labels
        self._at = {name: number for number, name in enumerate(names) if name}
        self._is_chat = MESSAGES in self._at
        self._unescape = unescape
        self._has_answers = any(name.casefold().startswith("response_") for name in names)
        made = ["situation", "speaker_uttr"]
        if _RESPONSE not in self._at:
            made.append(_RESPONSE)
        if "conversation" in self._at and "dialog_id" not in self._at:
            made.append("dialog_id")
        self._made = made
        self.header = [
            f"unmapped {name}" if name in ("situation", "speaker_uttr") else name for name in names
        ] + made
        wanted = (MESSAGES, "conversation", "turn", "speaker", "text", "situation")
        self.consumed = frozenset(self._at[name] for name in wanted if name in self._at)

    def label(self, name: str) -> str:
        """What a column that is made here is called in the file."""
        origin = {"dialog_id": "conversation", "situation": "situation"}.get(name)
        at = self._at.get(origin or "", self._at.get(MESSAGES, self._at.get("text")))
        return name if at is None else self._labels[at]

    def rows(self, found: Iterator[Row], problems: Problems) -> Iterator[Row]:
        """The rows of dialogues; each has the place of the first row of its conversation.

        One whose turns cannot be read is added to `problems` instead.
        """
        if self._is_chat:
            for row in found:
                try:
                    turns = messages(row.cells[self._at[MESSAGES]])
                except ValueError as error:
                    problems.add(FileProblem(row.line, self.label(MESSAGES), str(error), row.number))
                else:
                    yield self._row(row, turns)
            return
        key, turn = self._at["conversation"], self._at.get("turn")
        for _, group in groupby(found, lambda row: row.cells[key]):
            rows = list(group)
            wrong = [row for row in rows if turn is not None and not _is_number(row.cells[turn])]
            for row in wrong:
                message = f"{short(row.cells[turn or 0])} is not the number of a turn"
                problems.add(FileProblem(row.line, self._labels[turn or 0], message, row.number))
            if not wrong:
                yield self._row(rows[0], self._turns(rows))

    def _turns(self, rows: list[Row]) -> list[Turn]:
        if (at := self._at.get("turn")) is not None:
            rows = sorted(rows, key=lambda row: float(row.cells[at]))
        speaker, text = self._at.get("speaker"), self._at["text"]
        if speaker is None:
            return [Turn(number % 2 == 0, row.cells[text]) for number, row in enumerate(rows)]
        first = rows[0].cells[speaker]
        return [Turn(row.cells[speaker] == first, row.cells[text]) for row in rows]

    def _row(self, row: Row, turns: list[Turn]) -> Row:
        found = exchange(turns, answered=not self._has_answers)
        situation = row.cells[self._at["situation"]] if "situation" in self._at else ""
        made = {
            "situation": found.context(situation),
            "speaker_uttr": found.utterance,
            _RESPONSE: found.answer or "",
            "dialog_id": row.cells[self._at["conversation"]] if "conversation" in self._at else "",
        }
        cells = [*row.cells, *(made[name] for name in self._made)]
        if self._unescape:
            cells = [_MARK.sub(lambda match: _MARKS[match[0]], cell) for cell in cells]
        return Row(row.number, row.line, cells)
