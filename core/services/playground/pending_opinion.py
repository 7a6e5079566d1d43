"""A judge that compares two answers in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from core.domain.errors import UserError
from core.playground.calling import Calling
from core.playground.messages import Judged, OpinionFailed
from core.playground.records import PlaygroundAnswer, PlaygroundOpinion, PlaygroundTurn


class OpinionQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Two answers to the same utterance."""

    situation: str
    """What happened to the speaker; empty if unknown."""
    utterance: str
    """What both answer."""
    a: str
    """The responder of the first answer."""
    b: str
    """The responder of the second answer."""
    answer_a: str
    """The first answer."""
    answer_b: str
    """The second answer."""

    @classmethod
    def of(cls, turn: PlaygroundTurn, a: PlaygroundAnswer, b: PlaygroundAnswer) -> OpinionQuestion:
        """The question about two answers to a turn."""
        return cls(
            situation=turn.situation,
            utterance=turn.utterance,
            a=a.responder,
            b=b.responder,
            answer_a=a.text,
            answer_b=b.text,
        )


class PendingOpinion:
    """A judge that compares. `cancel` may be called by any thread."""

    def __init__(self, call: Callable[[], Calling]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._calling: Calling | None = None
        self._is_stopped = False

    def cancel(self) -> None:
        """Stop it; `result` returns soon."""
        with self._lock:
            self._is_stopped = True
            if self._calling is not None:
                self._calling.stop()

    def result(self) -> PlaygroundOpinion | None:
        """The opinion, when there is one; None if it was stopped. Raises `UserError` if there is none."""
        with self._lock:
            if self._is_stopped:
                return None
            self._calling = self._call()
        for event in self._calling.events():
            match event:
                case Judged(opinion):
                    return opinion
                case OpinionFailed(error) if not self._is_stopped:
                    raise UserError(error)
        if self._is_stopped:
            return None
        raise UserError("the judge's process has ended: see artifacts/playground/log.txt")
