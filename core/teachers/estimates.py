"""What is still to be asked, and what it will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from core.domain.dialogues import Dialogue
from core.domain.submissions import Estimate
from core.teachers import prices, request_runner, requests
from core.teachers.protocol import Request

#: Stands for a text that nobody has written yet: as long as one that is asked for, on average.
UNWRITTEN = " ".join(["something"] * 28)


def of_teaching(
    name: str,
    model: str,
    jobs: Sequence[tuple[Mapping[str, Any], Mapping[str, str]]],
    dialogues: Sequence[Dialogue],
    answers: Callable[[str], Mapping[str, str] | None],
    answered: Collection[str],
) -> Estimate:
    """What the recipe `name` will ask through teach `jobs`, each with its settings and inputs.

    `answers` gives the texts by dialogue of an input that exists already, else None. `answered` are
    the keys of the requests whose answers the workspace has.
    """
    train = [d.dialog_id for d in dialogues if d.split == "train"]
    parts = []
    for settings, inputs in jobs:

        def texts(name: str, inputs: Mapping[str, str] = inputs) -> Mapping[str, str]:
            found = answers(inputs[name])
            return dict.fromkeys(train, UNWRITTEN) if found is None else found

        asked, _ = requests.of_job(settings, dialogues, texts, request_runner.teacher_of(settings))
        parts.append(of_requests(name, settings, asked, answered, prices.ANSWER))
    return total(name, model, parts)


def of_requests(
    name: str, settings: Mapping[str, Any], asked: Sequence[Request], answered: Collection[str], answer: int
) -> Estimate:
    """What sending those of `asked` that are not answered costs, at `answer` tokens for each answer."""
    teacher = request_runner.teacher_of(settings)
    todo = {request.key: request for request in asked if request.key not in answered}
    usage = prices.estimate(todo.values(), answer)
    usd = prices.cost(request_runner.price_of(settings), usage, batch=teacher.mode == "batch")
    if not todo or teacher.provider == "local":
        usd = 0.0
    known = sum(request.key not in todo for request in asked)
    return Estimate(name, teacher.model, len(asked), known, usage.input_tokens, usage.output_tokens, usd)


def total(name: str, model: str, parts: Iterable[Estimate]) -> Estimate:
    """The sum of estimates; its cost is unknown when that of any part is."""
    parts = list(parts)
    costs = [part.usd for part in parts if part.usd is not None]
    return Estimate(
        name,
        model,
        sum(part.requests for part in parts),
        sum(part.answered for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        sum(costs) if len(costs) == len(parts) else None,
    )
