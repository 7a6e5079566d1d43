"""What became of a job's requests: counted by outcome, each with an example, and held against a limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.config.schema import Teacher
from core.domain.errors import UserError
from core.domain.number_format import percent
from core.domain.submissions import Outcome
from core.jobs.records import Answer
from core.teachers.protocol import Request
from core.teachers.requests.ledger import UNANSWERED
from core.teachers.requests.queue import RequestQueue
from core.teachers.settings import remedies

#: Characters at the beginning and at the end of an example.
_BEGINNING, _END = 140, 60


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a job's requests, the most frequent first."""

    requests: int
    """All requests of the job."""
    left_out: dict[str, int]
    """Requests without a usable answer, by the outcome of their last try."""
    left_out_examples: dict[str, str]
    """One answer, or the provider's message, for each of these outcomes."""
    reasoned: int
    """Those of them that were cut because reasoning used up the token limit."""
    cleaned: dict[str, int]
    """Usable answers of which something was taken off, by its kind."""
    cleaned_examples: dict[str, str]
    """One answer, before that, for each of these kinds."""

    @property
    def unanswered(self) -> int:
        """Requests without any answer, which a retry may get."""
        return sum(self.left_out.get(outcome, 0) for outcome in UNANSWERED)


def of(queue: RequestQueue, needed: Sequence[Request]) -> Outcomes:
    """The outcomes of the requests `needed` by the queue's job."""
    job, ledger = queue.job.spec.job, queue.ledger
    left_out: Counter[str] = Counter()
    cleaned: Counter[str] = Counter()
    reasoned = 0
    left_out_examples: dict[str, str] = {}
    cleaned_examples: dict[str, str] = {}
    for request in needed:
        answer = ledger.answers.get(request.key)
        if answer is not None:
            for kind in answer.removed:
                cleaned[kind] += 1
                # Thinking may have come beside the text, which is whole then.
                if answer.raw is not None:
                    cleaned_examples.setdefault(kind, example(answer.raw))
            continue
        newest = ledger.newest(job, request.key)
        outcome: Outcome = "missing" if newest is None else newest.outcome
        left_out[outcome] += 1
        reasoned += newest is not None and is_cut_by_reasoning(newest)
        if newest is not None and outcome not in left_out_examples:
            left_out_examples[outcome] = shown(newest)
    return Outcomes(
        len(needed),
        dict(left_out.most_common()),
        left_out_examples,
        reasoned,
        dict(cleaned.most_common()),
        cleaned_examples,
    )


def shown(answer: Answer) -> str:
    """An answer that cannot be used, with its dialogue if it has one, and why if that is known."""
    said = example(answer.raw or answer.text)
    words = ", ".join(filter(None, (answer.error, f"“{said}”" if said else None)))
    return ": ".join(filter(None, (answer.dialog_id, words or "an empty answer")))


def is_cut_by_reasoning(answer: Answer) -> bool:
    """Whether an answer was cut because reasoning used up its token limit: else there is nothing to say."""
    return answer.outcome == "cut" and answer.error is not None


def check_answered(found: Outcomes, what: str = "requests got no answer") -> None:
    """Raise `UserError`, with the provider's words, if a request has no answer. `what` says it in words."""
    if not found.unanswered:
        return
    outcome = next(outcome for outcome in found.left_out if outcome in UNANSWERED)
    raise UserError(
        f"{found.unanswered} of {found.requests} {what} ({counts(found.left_out)}): "
        "a retry sends only these, and `empathy-tui batches` shows the provider's errors"
        + _shown(found, outcome)
    )


def check_left_out(
    found: Outcomes, max_left_out: float, teacher: Teacher, what: str = "answers cannot be used"
) -> None:
    """Raise `UserError` if more requests are left out than `max_left_out`, a share, allows.

    `what` says it in words. One is always allowed, unless the share is 0: a single dialogue must not fail a
    job.
    """
    left_out = sum(found.left_out.values())
    if left_out <= max_left_out * found.requests or (left_out == 1 < found.requests and max_left_out > 0):
        return
    outcome = next(iter(found.left_out))
    raise UserError(
        f"{left_out} of {found.requests} {what} ({counts(found.left_out)}), more than "
        f"max_left_out allows ({percent(max_left_out, 1)}): a retry sends only these"
        + remedies.of_cut_answers(teacher, found.left_out.get("cut", 0), left_out, found.reasoned)
        + _shown(found, outcome)
    )


def _shown(found: Outcomes, outcome: str) -> str:
    example = found.left_out_examples.get(outcome)
    return f". {outcome}, for example {example}" if example else ""


def counts(found: dict[str, int]) -> str:
    """Counts in words, as in `2 filtered, 1 cut`."""
    return ", ".join(f"{count} {name}" for name, count in found.items())


def example(text: str) -> str:
    """A text in one line, without its middle if it is long."""
    text = " ".join(text.split())
    if len(text) <= _BEGINNING + _END + 3:
        return text
    return f"{text[:_BEGINNING].rstrip()} … {text[-_END:].lstrip()}"
