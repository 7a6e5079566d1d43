"""Judges that are asked: a large model behind an API, or a local one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.config.schema import Teacher
from core.domain.errors import UserError
from core.jobs.context import Job
from core.jobs.journal import Order, Outcome, Winner
from core.judging import verdict_probabilities
from core.judging.protocol import Contest, Ruling
from core.prompts import templates
from core.teachers import request_runner, requests
from core.teachers.identity import identity
from core.teachers.ledger import UNANSWERED
from core.teachers.protocol import Reply, Request
from core.teachers.request_queue import Desk

#: What a verdict of one digit costs.
ANSWER_TOKENS = 2

_DIGIT = re.compile(r"\W*([12])\W*")


def rule(job: Job, contests: Sequence[Contest]) -> list[Ruling]:
    """The judge's rulings on all contests, in their order, each asked for and paid once.

    An answer that is neither 1 nor 2 is asked for again, up to the judge's `tries`, and is an invalid
    ruling then. Raises `UserError` when requests stay
    without an answer.
    """
    asked = requests_of(job.settings["prompt"], contests, request_runner.teacher_of(job.settings))
    desk = request_runner.ask(job, asked, _usable)
    unanswered = [
        request
        for request in asked
        if request.key not in desk.ledger.answers
        and any(desk.ledger.outcomes(job.spec.job, request.key)[outcome] for outcome in UNANSWERED)
    ]
    if unanswered:
        raise UserError(
            f"{len(unanswered)} of {len(asked)} verdicts got no answer: `empathy-tui batches` shows what the "
            "provider said; a retry asks for these alone"
        )
    return [_ruling(desk, request, contest) for request, contest in zip(asked, contests, strict=True)]


def orders(swap: bool) -> tuple[Order, ...]:
    """Both orders, because judges prefer a place; without `swap` only `a`, the baseline, first."""
    return ("ab", "ba") if swap else ("ab",)


def design(swap: bool, repeats: int) -> str:
    """What the judge is shown of each pair, in words."""
    shown = "both orders" if swap else "the baseline first"
    return shown if repeats == 1 else f"{shown}, {repeats} times"


def requests_of(template: str, contests: Sequence[Contest], judge: Teacher) -> list[Request]:
    """What the judge is asked, one request a contest, in their order."""
    decides = identity(judge)
    return [_request(template, contest, decides) for contest in contests]


def winner_of(text: str, order: Order) -> Winner:
    """Who an answer names: `1` is the response that was shown first."""
    found = _DIGIT.fullmatch(text)
    if found is None:
        return "invalid"
    first: Winner = "a" if order == "ab" else "b"
    second: Winner = "b" if order == "ab" else "a"
    return first if found[1] == "1" else second


def _request(template: str, contest: Contest, decides: Mapping[str, Any]) -> Request:
    text = templates.judge_question(
        template,
        contest.situation,
        contest.utterance,
        (contest.response_a, contest.response_b),
        swapped=contest.order == "ba",
    )
    return requests.single(decides, contest.dialog_id, text, contest.number - 1)


def _usable(reply: Reply) -> tuple[Outcome, str]:
    text = reply.text.strip()
    if reply.finish == "refusal":
        return "refused", text
    if reply.finish == "filtered":
        return "filtered", text
    if not text:
        return "empty", text
    return ("ok" if _DIGIT.fullmatch(text) else "invalid"), text


def _ruling(desk: Desk, request: Request, contest: Contest) -> Ruling:
    answer = desk.ledger.answers.get(request.key)
    if answer is None:
        said = desk.ledger.invalid.get(request.key)
        reasons = desk.ledger.outcomes(desk.job.spec.job, request.key)
        return Ruling("invalid", said.text if said is not None else ", ".join(reasons) or "no answer")
    probability_b = verdict_probabilities.probability_b(answer.logprobs, contest.order)
    return Ruling(winner_of(answer.text, contest.order), answer.text, probability_b)
