"""LLM judges: a large model behind an API, or a local one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.domain.errors import UserError
from core.domain.submissions import Outcome
from core.domain.verdicts import Order, Winner
from core.jobs.context import JobContext
from core.jobs.settings import LlmJudge, Settings
from core.judging import verdict_probabilities
from core.judging.protocol import Contest, Ruling
from core.prompts import templates
from core.teachers import request_runner, requests
from core.teachers.ledger import UNANSWERED
from core.teachers.protocol import Reply, Request
from core.teachers.request_queue import RequestQueue

#: Output tokens of a verdict of one digit.
ANSWER_TOKENS = 2

_DIGIT = re.compile(r"\W*([12])\W*")


def rule(job: JobContext[Settings], judge: LlmJudge, contests: Sequence[Contest]) -> list[Ruling]:
    """The judge's rulings on all contests, in their order. Each answer is requested and paid for once.

    A request whose answer is neither 1 nor 2 is sent again, up to the judge's `tries`; then the ruling is
    invalid. Raises `UserError` when requests get no answer.
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
    return [_ruling(queue, request, contest) for request, contest in zip(needed, contests, strict=True)]


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
    """The winner in an answer: `1` is the response that was shown first."""
    found = _DIGIT.fullmatch(text)
    if found is None:
        return "invalid"
    first: Winner = "a" if order == "ab" else "b"
    second: Winner = "b" if order == "ab" else "a"
    return first if found[1] == "1" else second


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
    text = reply.text.strip()
    if reply.finish == "refusal":
        return "refused", text
    if reply.finish == "filtered":
        return "filtered", text
    if not text:
        return "empty", text
    return ("ok" if _DIGIT.fullmatch(text) else "invalid"), text


def _ruling(queue: RequestQueue, request: Request, contest: Contest) -> Ruling:
    answer = queue.ledger.answers.get(request.key)
    if answer is None:
        invalid = queue.ledger.invalid.get(request.key)
        reasons = queue.ledger.outcomes(queue.job.spec.job, request.key)
        return Ruling("invalid", invalid.text if invalid is not None else ", ".join(reasons) or "no answer")
    probability_b = verdict_probabilities.probability_b(answer.logprobs, contest.order)
    return Ruling(winner_of(answer.text, contest.order), answer.text, probability_b)
