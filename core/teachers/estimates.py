"""What is still to be asked of a teacher, and what it will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from core.config import Price, Teacher
from core.dialogues.records import Dialogue
from core.teacher_views import Estimate
from core.teachers import prices, requests
from core.teachers.protocol import Usage

#: Stands for an answer that nobody has given yet: as long as one that is asked for, on average.
_ANSWER = " ".join(["something"] * 28)


def estimate(
    recipe: str,
    name: str,
    jobs: Sequence[tuple[Mapping[str, Any], Mapping[str, str]]],
    dialogues: Sequence[Dialogue],
    answers: Callable[[str], Mapping[str, str] | None],
    answered: Collection[str],
) -> Estimate:
    """What `recipe` will ask the teacher `name` through teach `jobs`, each with its settings and inputs.

    `answers` gives the texts by dialogue of an input that exists already, else None. `answered` are
    the keys of the requests whose answers the workspace has.
    """
    train = [d.dialog_id for d in dialogues if d.split == "train"]
    total = known = 0
    usage = Usage(0, 0, 0)
    usd: float | None = 0.0
    for settings, inputs in jobs:
        reach = settings["reach"]
        teacher = msgspec.convert(reach["teacher"], Teacher)
        price = None if reach["price"] is None else msgspec.convert(reach["price"], Price)

        def texts(name: str, inputs: Mapping[str, str] = inputs) -> Mapping[str, str]:
            found = answers(inputs[name])
            return dict.fromkeys(train, _ANSWER) if found is None else found

        asked, _ = requests.of_job(settings, dialogues, texts, teacher)
        todo = {request.key: request for request in asked if request.key not in answered}
        more = prices.estimate(todo.values())
        cost = 0.0 if not todo else prices.cost(price, more, batch=teacher.mode == "batch")
        if teacher.provider == "local":
            cost = 0.0
        total += len(asked)
        known += sum(request.key not in todo for request in asked)
        usage = Usage(usage.input_tokens + more.input_tokens, 0, usage.output_tokens + more.output_tokens)
        usd = None if usd is None or cost is None else usd + cost
    return Estimate(recipe, name, total, known, usage.input_tokens, usage.output_tokens, usd)
