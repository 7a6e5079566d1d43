"""What a judge will send on pairs of responses to train dialogues: to filter them, or to be validated."""

from __future__ import annotations

from pathlib import Path

from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.submissions import Asker, Estimate
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import DirectMethod, LlmJudge, RecipeSettings, ValidateSettings
from core.recipes import examples, strategies
from core.recipes.examples import PreferencePair
from core.services.spending.request_history import ReadResponses, RequestHistory
from core.teachers.requests import estimates as estimating


def of_filter(
    asker: Asker,
    judge: LlmJudge,
    recipe: PlannedJob,
    data: DrawnDialogues,
    known: RequestHistory,
) -> Estimate:
    """The estimate of a filter of the pairs that a recipe's job makes."""
    # They import numpy, which the home screen must not wait for.
    from core.judging import filter_job, protocol
    from core.judging.llm import llm_judge

    pairs, count = _pairs(recipe, known.pairs.get(recipe.id), data, known.texts)
    train = {dialogue.dialog_id: dialogue for dialogue in data.of("train")}
    ordered_pairs = filter_job.ordered_pairs_of(train, pairs, llm_judge.orders(judge), judge.repeats)
    requests = llm_judge.requests_of(judge, protocol.different(ordered_pairs))
    tokens = estimating.answer_tokens(judge.model, "filter", llm_judge.answer_tokens(judge), known.used)
    found = estimating.of_requests(asker, judge.model, requests, known.answered, tokens)
    return estimating.times(found, count / len(pairs)) if pairs else found


def of_validation(
    asker: Asker, settings: ValidateSettings, data: DrawnDialogues, known: RequestHistory
) -> Estimate:
    """The estimate of a judge's validation."""
    # They import numpy, which the home screen must not wait for.
    from core.judging import validate_job
    from core.judging.llm import llm_judge

    judge = settings.judge
    rated = validate_job.pairs(data.dialogues, settings.pairs)
    ordered_pairs = validate_job.ordered_pairs_of(
        data.dialogues, rated, llm_judge.orders(judge), judge.repeats
    )
    requests = llm_judge.requests_of(judge, ordered_pairs)
    tokens = estimating.answer_tokens(judge.model, settings.stage, llm_judge.answer_tokens(judge), known.used)
    found = estimating.of_requests(asker, judge.model, requests, known.answered, tokens)
    if not rated:
        return found
    there_are = min(settings.pairs, len(rated) * data.totals["train"] / data.drawn["train"])
    return estimating.times(found, there_are / len(rated))


def _pairs(
    recipe: PlannedJob, written: Path | None, data: DrawnDialogues, texts: ReadResponses
) -> tuple[list[PreferencePair], float]:
    """Pairs of drawn dialogues, with placeholders for responses to come, and how many there are in all."""
    settings = recipe.settings
    assert isinstance(settings, RecipeSettings)
    if written is not None:
        drawn = {dialogue.dialog_id for dialogue in data.of("train")}
        return examples.read_some(written, PreferencePair, drawn)
    name, method = settings.recipe, settings.method
    if isinstance(method, DirectMethod):
        _, pairs = examples.build(data.dialogues, name, method.pairing, settings.prompt)
    else:
        train = (dialogue.dialog_id for dialogue in data.of("train"))
        placeholders = dict.fromkeys(train, estimating.PLACEHOLDER)
        improved = [
            placeholders if (found := texts(recipe.inputs[needed])) is None else found
            for needed in strategies.needs(name)
        ]
        _, pairs, _ = examples.build_improved(
            data.dialogues, name, improved, settings.prompt, method.improve_llm_sft, method.improve_llm_seed
        )
    count = len(pairs) * data.totals["train"] / max(1, data.drawn["train"])
    return pairs, count if settings.preference_limit is None else min(count, settings.preference_limit)
