"""LLM judges: a large model behind an API, or a local one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.domain.errors import UserError
from core.domain.submissions import Outcome
from core.domain.verdicts import Order, Winner
from core.jobs.context import JobContext
from core.jobs.settings import LlmJudge, Settings
from core.judging.llm import verdict_probabilities
from core.judging.protocol import Contest, Ruling
from core.prompts import templates
from core.teachers import answer_cleaning, outcomes, remedies, request_runner, requests
from core.teachers.ledger import UNANSWERED
from core.teachers.protocol import Reply, Request
from core.teachers.request_queue import RequestQueue

#: Output tokens of a verdict of one digit.
ANSWER_TOKENS = 2

#: Characters of a verdict and the words around it.
_MAX_VERDICT = 200
#: Share of the verdicts that must be valid: with fewer, the judge was not understood, or does not answer.
MIN_VALID = 0.1
#: A verdict with the words that models put around it, such as `Answer: 1` or `**Response 2 is better.**`.
_WORDS = (
    "the|my|final|better|best|more|most|empathetic|empathic|response|answer|verdict|choice|winner|option|number"
    "|judgment|judgement|decision|result|boxed|text|is|would|be|i|choose|pick|prefer|shows|empathy|one|wins"
)
_VERDICT = re.compile(
    rf"[\W_]*(?:(?:{_WORDS})[\W_]+)*(?:response|answer|option|number)?[\W_]*([12])"
    r"(?:[\W_]+(?:is|the|better|best|more|most|empathetic|empathic|one|wins|response|text))*[\W_]*",
    re.IGNORECASE,
)


def rule(job: JobContext[Settings], judge: LlmJudge, contests: Sequence[Contest]) -> list[Ruling]:
    """The judge's rulings on all contests, in their order. Each answer is requested and paid for once.

    A request whose answer names neither response is sent again, up to the judge's `tries`; then the ruling is
    invalid. Raises `UserError` when requests get no answer, or nearly all verdicts are invalid.
    """
    needed = requests_of(judge, contests)
    queue = request_runner.run(job, judge.model, needed, _classify)
    unanswered = [
        request
        for request in needed
        if request.key not in queue.ledger.answers
        and any(queue.ledger.outcomes(job.spec.job, request.key)[outcome] for outcome in UNANSWERED)
    ]
    if unanswered:
        raise UserError(
            f"{len(unanswered)} of {len(needed)} requests for verdicts got no answer: `empathy-tui batches` "
            "shows the provider's errors; a retry sends only these"
        )
    _check_valid(queue, needed)
    return [_ruling(queue, request, contest) for request, contest in zip(needed, contests, strict=True)]


def _check_valid(queue: RequestQueue, needed: Sequence[Request]) -> None:
    """Raise `UserError` if nearly no request got a valid verdict: a win rate of the rest would mislead."""
    found = outcomes.of(queue, needed)
    invalid = sum(found.left_out.values())
    if found.requests - invalid >= MIN_VALID * found.requests:
        return
    outcome = next(iter(found.left_out))
    remedy = remedies.of_cut_answers(queue.teacher, found.left_out.get("cut", 0), invalid)
    raise UserError(
        f"only {found.requests - invalid} of {found.requests} verdicts name a response "
        f"({outcomes.counts(found.left_out)}){remedy or ': change the prompt or the model of the judge'}. "
        f"{outcome}, for example {found.left_out_examples.get(outcome, 'none')}"
    )


def orders(judge: LlmJudge) -> tuple[Order, ...]:
    """Both orders, because of position bias; without `swap` only `ab`, with the baseline first."""
    return ("ab", "ba") if judge.swap else ("ab",)


def design(judge: LlmJudge) -> str:
    """A description of the orders and repeats in which the judge sees each pair."""
    shown = "both orders" if judge.swap else "the baseline first"
    return shown if judge.repeats == 1 else f"{shown}, {judge.repeats} times"


def requests_of(judge: LlmJudge, contests: Sequence[Contest]) -> list[Request]:
    """One request for each contest, in their order."""
    return [_request(judge, contest) for contest in contests]


def winner_of(text: str, order: Order) -> Winner:
    """The winner in an answer: `1` is the response that was shown first.

    The verdict may stand behind thinking, in markdown or quotes, with words such as `Answer:` around it, or
    on the first or last line of an explanation.
    """
    digit = _digit(text)
    if digit is None:
        return "invalid"
    first: Winner = "a" if order == "ab" else "b"
    second: Winner = "b" if order == "ab" else "a"
    return first if digit == "1" else second


def _digit(text: str) -> str | None:
    clean = answer_cleaning.clean(text).text
    lines = [line for line in clean.splitlines() if line.strip()]
    # An explanation may stand between; a whole answer may also be wrapped over lines.
    found = [_named(part) for part in (clean, *lines[:1], *lines[-1:])]
    digits = {digit for digit in found if digit is not None}
    return digits.pop() if len(digits) == 1 else None


def _named(text: str) -> str | None:
    match = _VERDICT.fullmatch(text) if len(text) <= _MAX_VERDICT else None
    return None if match is None else match[1]


def _request(judge: LlmJudge, contest: Contest) -> Request:
    text = templates.judge_question(
        judge.prompt,
        contest.situation,
        contest.utterance,
        (contest.response_a, contest.response_b),
        swapped=contest.order == "ba",
    )
    return requests.single(judge.model.identity, contest.dialog_id, text, contest.number - 1)


def _classify(reply: Reply) -> tuple[Outcome, str]:
    """The verdict's outcome, and the whole answer: what counts as a verdict may change."""
    text = reply.text.strip()
    if reply.finish == "unreadable":
        return "unreadable", text
    if reply.finish == "refusal":
        return "refused", text
    if reply.finish == "filtered":
        return "filtered", text
    # A verdict is complete when it names a response, however the answer ended.
    if _digit(text) is not None:
        return "ok", text
    if reply.finish == "length":
        return "cut", text
    if not text:
        return "empty", text
    return "invalid", text


def _ruling(queue: RequestQueue, request: Request, contest: Contest) -> Ruling:
    answer = queue.ledger.answers.get(request.key)
    if answer is None:
        invalid = queue.ledger.invalid.get(request.key)
        reasons = queue.ledger.outcomes(queue.job.spec.job, request.key)
        return Ruling("invalid", invalid.text if invalid is not None else ", ".join(reasons) or "no answer")
    probability_b = verdict_probabilities.probability_b(answer.logprobs, contest.order)
    return Ruling(winner_of(answer.text, contest.order), answer.text, probability_b)
