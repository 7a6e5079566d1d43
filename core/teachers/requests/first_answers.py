"""Stopping a job whose first answers all cannot be used: the others would be paid for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.domain.errors import UserError
from core.jobs.records import Answer
from core.teachers.requests import outcomes
from core.teachers.requests.ledger import UNUSABLE
from core.teachers.requests.queue import RequestQueue
from core.teachers.settings import remedies

#: Answers, from the first on, of which one must be usable: otherwise a model is not understood, or does not
#: understand.
MAX_UNUSABLE_FIRST = 20


class FirstAnswers:
    """The answers to a job's requests until one of them can be used."""

    def __init__(self, queue: RequestQueue, limit: int) -> None:
        self._queue = queue
        self._limit = limit
        #: By request: one that is tried again is still one.
        self._unusable: dict[str, Answer] = {}
        self._is_any_usable = False

    def note(self, answers: Sequence[Answer]) -> None:
        """Count these answers. Raises `UserError` once there are `limit`, none of which can be used."""
        own = [answer for answer in answers if answer.key in self._queue.requests]
        self._is_any_usable = self._is_any_usable or any(answer.outcome == "ok" for answer in own)
        self._unusable |= {answer.key: answer for answer in own if answer.outcome in UNUSABLE}
        if self._is_any_usable or len(self._unusable) < self._limit:
            return
        unusable = list(self._unusable.values())
        counts: dict[str, int] = dict(Counter(answer.outcome for answer in unusable).most_common())
        first = next(answer for answer in unusable if answer.outcome == next(iter(counts)))
        reasoned = sum(map(outcomes.is_cut_by_reasoning, unusable))
        total = len(unusable)
        cut = remedies.of_cut_answers(self._queue.teacher, counts.get("cut", 0), total, reasoned)
        remedy = "" if first.outcome == "unreadable" else ": change the prompt or the model"
        raise UserError(
            f"none of the first {total} answers can be used ({outcomes.counts(counts)}), so no "
            f"more requests are sent{cut or remedy}. {first.outcome}, for "
            f"example {outcomes.shown(first)}"
        )
