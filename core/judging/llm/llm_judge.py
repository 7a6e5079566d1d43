"""LLM judges: a large model behind an API, or a local one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from core.domain.errors import UserError
from core.domain.evaluation.verdicts import DIMENSIONS, AnswerForm, Dimension, Order, Winner
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import VerdictRecord
from core.jobs.settings import LlmJudge, Settings
from core.judging import protocol
from core.judging.llm import verdict_answers, verdict_probabilities
from core.judging.llm.verdict_answers import ASKED, Position
from core.judging.protocol import OrderedPair
from core.prompts import templates
from core.teachers import runner
from core.teachers.protocol import AnswerSchema, Reply, Request
from core.teachers.requests import building, outcomes
from core.teachers.requests.first_answers import MAX_UNUSABLE_FIRST
from core.teachers.requests.ledger import UNANSWERED
from core.teachers.requests.queue import RequestQueue
from core.teachers.settings import remedies

#: Output tokens of a verdict of one digit, of a line such as `Cognitive: 1`, and of a member of JSON.
_DIGIT_TOKENS, _LINE_TOKENS, _MEMBER_TOKENS = 2, 6, 8
#: Share of the verdicts that must be valid: with fewer, the judge was not understood, or does not answer.
MIN_VALID = 0.1
_VALUES = ("1", "2")


def judge_pairs(
    job: JobContext[Settings], judge: LlmJudge, ordered_pairs: Sequence[OrderedPair]
) -> list[VerdictRecord]:
    """The judge's verdicts on all pairs, in their order. Each answer is requested and paid for once.

    A request whose answer does not name all that was asked is sent again, up to the judge's `tries`; then
    what it does not name is invalid. Raises `UserError` when requests get no answer, when the first answers
    or nearly all of them name no response, or when the job may send nothing and answers are missing.
    """
    needed = requests_of(judge, ordered_pairs)
    classify = partial(_classify, judge.dimensions)
    queue = runner.run(job, judge.model, needed, classify, MAX_UNUSABLE_FIRST)
    verdicts = _verdicts(queue, judge, needed, ordered_pairs)
    _check_valid(queue, needed, verdicts)
    return verdicts


def judge_until(
    job: JobContext[Settings],
    judge: LlmJudge,
    parts: Sequence[Sequence[OrderedPair]],
    is_decided: Callable[[Sequence[Sequence[VerdictRecord]]], bool],
) -> list[list[VerdictRecord]]:
    """The judge's verdicts on the first parts of the pairs, until `is_decided` by those so far.

    Raises `UserError` as `judge_pairs` does.
    """
    needed = [requests_of(judge, part) for part in parts]
    flat = [request for part in needed for request in part]
    verdicts: list[list[VerdictRecord]] = []

    def is_last(queue: RequestQueue, number: int) -> bool:
        verdicts.append(_verdicts(queue, judge, needed[number], parts[number]))
        return is_decided(verdicts)

    classify = partial(_classify, judge.dimensions)
    sent = runner.Parts(needed, is_last)
    queue = runner.run(job, judge.model, flat, classify, MAX_UNUSABLE_FIRST, sent)
    # A job that must stop ends before its last part.
    job.check()
    judged = [verdict for part in verdicts for verdict in part]
    _check_valid(queue, flat[: len(judged)], judged)
    return verdicts


def _verdicts(
    queue: RequestQueue, judge: LlmJudge, needed: Sequence[Request], ordered_pairs: Sequence[OrderedPair]
) -> list[VerdictRecord]:
    """The verdicts by the answers to `needed`. Raises `UserError` if a request got no answer."""
    job = queue.job.spec.job
    unanswered = [
        request
        for request in needed
        if request.key not in queue.ledger.answers
        and any(queue.ledger.outcomes(job, request.key)[outcome] for outcome in UNANSWERED)
    ]
    if unanswered:
        raise UserError(
            f"{len(unanswered)} of {len(needed)} requests for verdicts got no answer: `empathy-tui batches` "
            "shows the provider's errors; a retry sends only these"
        )
    return [
        _verdict(queue, judge, request, ordered_pair)
        for request, ordered_pair in zip(needed, ordered_pairs, strict=True)
    ]


def _check_valid(queue: RequestQueue, needed: Sequence[Request], verdicts: Sequence[VerdictRecord]) -> None:
    """Raise `UserError` if nearly no request got a valid verdict: a win rate of the rest would mislead."""
    valid = sum(verdict.winner != "invalid" for verdict in verdicts)
    if valid >= MIN_VALID * len(needed):
        return
    found = outcomes.of(queue, needed)
    outcome = next(iter(found.left_out))
    remedy = remedies.of_cut_answers(queue.teacher, found.left_out.get("cut", 0), len(needed) - valid)
    raise UserError(
        f"only {valid} of {len(needed)} verdicts name a response "
        f"({outcomes.counts(found.left_out)}){remedy or ': change the prompt or the model of the judge'}. "
        f"{outcome}, for example {found.left_out_examples.get(outcome, 'none')}"
    )


def orders(judge: LlmJudge) -> tuple[Order, ...]:
    """Both orders, because of position bias; without `swap` only `ab`, with the baseline first."""
    return ("ab", "ba") if judge.swap else ("ab",)


def design(judge: LlmJudge, first: str = "the baseline") -> str:
    """A description of the orders and repeats in which the judge sees each pair; `first` is shown first in a
    single order."""
    shown = "both orders" if judge.swap else f"{first} first"
    return shown if judge.repeats == 1 else f"{shown}, {judge.repeats} times"


def dimensions(judge: LlmJudge) -> tuple[Dimension, ...]:
    """The dimensions in which the judge names the better response, beside overall."""
    return DIMENSIONS if judge.dimensions else ()


def answer_tokens(judge: LlmJudge) -> int:
    """Estimated output tokens of an answer, without reasoning."""
    named = len(ASKED) if judge.dimensions else 1
    if judge.structured_output:
        return named * _MEMBER_TOKENS + 4
    return named * _LINE_TOKENS if judge.dimensions else _DIGIT_TOKENS


def requests_of(judge: LlmJudge, ordered_pairs: Sequence[OrderedPair]) -> list[Request]:
    """One request for each pair, in their order."""
    return [_request(judge, ordered_pair) for ordered_pair in ordered_pairs]


def winner_of(place: Position | None, order: Order) -> Winner:
    """The winner if an answer names the response in that place; None if it names none, or both."""
    if place is None:
        return "invalid"
    return "a" if (place == "first") == (order == "ab") else "b"


def _request(judge: LlmJudge, ordered_pair: OrderedPair) -> Request:
    text = templates.judge_question(
        judge.prompt,
        ordered_pair.situation,
        ordered_pair.utterance,
        (ordered_pair.response_a, ordered_pair.response_b),
        swapped=ordered_pair.order == "ba",
    )
    return building.single(
        judge.model.identity, ordered_pair.dialog_id, text, ordered_pair.number - 1, _answer_schema(judge)
    )


def _answer_schema(judge: LlmJudge) -> AnswerSchema | None:
    if not judge.structured_output:
        return None
    return AnswerSchema("verdict", ASKED if judge.dimensions else ("winner",), _VALUES)


def _classify(by_dimension: bool, reply: Reply) -> tuple[Outcome, str]:
    """The verdict's outcome, and the whole answer: what counts as a verdict may change."""
    text = reply.text.strip()
    if reply.finish == "refusal":
        return "refused", text
    if reply.finish == "filtered":
        return "filtered", text
    # A verdict is complete when it names all that was asked, however the answer ended.
    is_complete = (
        len(verdict_answers.read_dimensions(text)[0]) == len(ASKED)
        if by_dimension
        else verdict_answers.read(text) is not None
    )
    if is_complete:
        return "ok", text
    if reply.finish == "unreadable":
        return "unreadable", text
    if reply.finish == "length":
        return "cut", text
    if not text:
        return "empty", text
    return "invalid", text


def _verdict(
    queue: RequestQueue, judge: LlmJudge, request: Request, ordered_pair: OrderedPair
) -> VerdictRecord:
    answer = queue.ledger.answers.get(request.key) or queue.ledger.invalid.get(request.key)
    if answer is None or (answer.outcome == "cut" and not answer.text):
        reasons = queue.ledger.outcomes(queue.job.spec.job, request.key)
        newest = queue.ledger.newest(queue.job.spec.job, request.key)
        known = ", ".join(reasons) or (newest.outcome if newest is not None else "no answer")
        by_dimension: dict[Dimension, Winner] = dict.fromkeys(dimensions(judge), "invalid")
        return protocol.verdict(ordered_pair, "invalid", known, dimensions=by_dimension)
    if judge.dimensions:
        return _by_dimension(answer.text, ordered_pair)
    named = verdict_answers.read(answer.text)
    if named is None:
        return protocol.verdict(ordered_pair, "invalid", answer.text)
    probability_b = verdict_probabilities.probability_b(answer.logprobs, ordered_pair.order)
    return protocol.verdict(
        ordered_pair,
        winner_of(named.place, ordered_pair.order),
        answer.text,
        probability_b=probability_b,
        form=named.form,
    )


def _by_dimension(text: str, ordered_pair: OrderedPair) -> VerdictRecord:
    """The verdict in each dimension and overall; what the answer does not name is invalid."""
    places, form = verdict_answers.read_dimensions(text)
    overall = places.get("overall")
    found: dict[Dimension, Winner] = {
        dimension: winner_of(places.get(dimension), ordered_pair.order) for dimension in DIMENSIONS
    }
    shown: AnswerForm | None = form if overall is not None else None
    return protocol.verdict(
        ordered_pair, winner_of(overall, ordered_pair.order), text, form=shown, dimensions=found
    )
