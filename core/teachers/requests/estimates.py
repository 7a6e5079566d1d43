"""Estimates of requests, tokens and costs before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from core.domain.data.dialogues import Dialogue
from core.domain.submissions import Asker, Estimate
from core.jobs.inputs import Input
from core.jobs.settings import GenerateSettings, LargeModel
from core.teachers.costs import prices
from core.teachers.protocol import Request
from core.teachers.requests import building

#: Placeholder for a response that does not exist yet, of average length.
PLACEHOLDER = " ".join(["something"] * 28)


def of_generation(
    asker: Asker,
    settings: GenerateSettings,
    inputs: Mapping[str, Input],
    dialogues: Sequence[Dialogue],
    answers: Callable[[Input], Mapping[str, str] | None],
    answered: Collection[str],
    used: Mapping[tuple[str, str], prices.Used],
) -> Estimate:
    """The estimate for a job of stage `generate` with these settings and inputs.

    `answers` returns the responses in an input by dialogue, or None
    if the input does not exist yet. `answered` are the keys of requests that have an answer already, `used`
    what answers have used by stage and model.
    """
    train = [d.dialog_id for d in dialogues if d.split == "train"]

    def texts(name: str) -> Mapping[str, str]:
        found = answers(inputs[name])
        return dict.fromkeys(train, PLACEHOLDER) if found is None else found

    needed, _ = building.of_job(settings, dialogues, texts)
    tokens = answer_tokens(settings.model, "generate", prices.ANSWER, used)
    return of_requests(asker, settings.model, needed, answered, tokens)


def answer_tokens(
    model: LargeModel, stage: str, answer: int, used: Mapping[tuple[str, str], prices.Used]
) -> int:
    """Estimated output tokens of an answer in `stage`; `answer` are those of an answer without reasoning."""
    teacher = model.client.teacher
    return prices.answer_tokens(teacher, answer, used.get((stage, teacher.model)))


def of_requests(
    asker: Asker, model: LargeModel, needed: Sequence[Request], answered: Collection[str], answer: int
) -> Estimate:
    """The estimate for the requests in `needed` that are not `answered`, with `answer` tokens an answer."""
    teacher = model.client.teacher
    pending = {request.key: request for request in needed if request.key not in answered}
    usage = prices.estimate(pending.values(), answer)
    usd = prices.cost(model.client.price, usage, batch=teacher.mode == "batch")
    if not pending or teacher.provider == "local":
        usd = 0.0
    known = sum(request.key not in pending for request in needed)
    return Estimate(asker, teacher.model, len(needed), known, usage.input_tokens, usage.output_tokens, usd)


def times(estimate: Estimate, factor: float) -> Estimate:
    """The estimate for so many times the requests."""
    return replace(
        estimate,
        requests=round(estimate.requests * factor),
        answered=round(estimate.answered * factor),
        input_tokens=round(estimate.input_tokens * factor),
        output_tokens=round(estimate.output_tokens * factor),
        usd=None if estimate.usd is None else estimate.usd * factor,
    )


def total(asker: Asker, model: str, parts: Iterable[Estimate]) -> Estimate:
    """The sum of estimates. The cost is None if that of any part is."""
    parts = list(parts)
    costs = [part.usd for part in parts if part.usd is not None]
    return Estimate(
        asker,
        model,
        sum(part.requests for part in parts),
        sum(part.answered for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        sum(costs) if len(costs) == len(parts) else None,
        any(part.is_upper_bound for part in parts),
    )
