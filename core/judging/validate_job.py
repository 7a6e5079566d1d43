"""The job that validates a judge against human ratings, on pairs with different ratings."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec

from core.dialogues.files import records
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.jobs.results import ValidateResult
from core.jobs import files
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import ValidateSettings
from core.judging.llm import llm_judge
from core.judging.metrics import comparison_metrics
from core.judging.metrics.judge_quality import agreement
from core.judging.protocol import OrderedPair

_SEED = 42


class RatedPair(msgspec.Struct, frozen=True):
    """Two responses to a dialogue, by source, and the one with the higher human rating."""

    dialog_id: str
    """The dialogue."""
    a: str
    """The source of one response."""
    b: str
    """The source of the other one."""
    better: Winner
    """The response with the higher rating."""


def run(job: JobContext[ValidateSettings]) -> ValidateResult:
    """Let the judge judge the pairs with the settings of its comparisons, and write validation.jsonl.

    Pairs without a valid score are left out of the agreement, and counted. Raises `UserError` when no train
    dialogue has two responses with different ratings, or the judge does not answer or gives no valid verdict.
    """
    dialogues = list(records.read(job.input("dialogues")))
    judge = job.settings.judge
    rated = pairs(dialogues, job.settings.pairs)
    if not rated:
        raise UserError(
            "no train dialogue has two responses with different ratings: a judge cannot be validated on this "
            "data"
        )
    ordered_pairs = ordered_pairs_of(dialogues, rated, llm_judge.orders(judge), judge.repeats)
    verdicts = llm_judge.judge_pairs(job, judge, ordered_pairs)
    job.journal.write(*verdicts, Progress(len(verdicts), len(verdicts)))
    path = job.folder / "validation.jsonl"
    files.write_json_lines(path, rated)
    job.publish("pairs", path)
    scores = comparison_metrics.scores_of(verdicts)
    known = [(pair, score) for pair in rated if (score := scores[pair.dialog_id]) is not None]
    if not known:
        raise UserError(
            f"the judge gave no valid verdict on any of {len(rated)} pairs: screen 7 shows its answers"
        )
    found = agreement.human_agreement([(pair.better, score) for pair, score in known])
    metrics = comparison_metrics.of_comparison(
        ordered_pairs, verdicts, placed=True, design=llm_judge.design(judge)
    )
    return ValidateResult(
        agreement=found.share,
        agreement_low=found.low,
        agreement_high=found.high,
        agreement_pairs=len(known),
        longer_agreement=longer_baseline(dialogues, [pair for pair, _ in known]),
        design=metrics.design,
        prefers_first=metrics.prefers_first,
        prefers_first_low=metrics.prefers_first_low,
        prefers_first_high=metrics.prefers_first_high,
        placed=metrics.placed,
        flip_rate=metrics.flip_rate,
        flip_rate_low=metrics.flip_rate_low,
        flip_rate_high=metrics.flip_rate_high,
        paired=metrics.paired,
        verdicts=metrics.verdicts,
        invalid_verdicts=metrics.invalid_verdicts,
        invalid=metrics.invalid,
        forms=metrics.forms,
    )


def pairs(dialogues: Iterable[Dialogue], count: int) -> list[RatedPair]:
    """At most `count` pairs with different human ratings, one for each of as many train dialogues.

    Pairs and sides are drawn at random and are reproducible: the better response is a or b with the same
    probability. The pairs of a smaller count are a subset of those of a larger one.
    """
    candidates = [d for d in dialogues if d.split == "train" and _rated_pairs(d)]
    # A generator for each dialogue, so that an added dialogue does not change the pairs of the others.
    ranked = sorted(candidates, key=lambda d: random.Random(f"{_SEED} {d.dialog_id}").random())
    return [_pair(dialogue) for dialogue in ranked[:count]]


def ordered_pairs_of(
    dialogues: Iterable[Dialogue], rated: Iterable[RatedPair], orders: Iterable[Order], repeats: int
) -> list[OrderedPair]:
    """The pairs in each order and repeat."""
    by_id = {dialogue.dialog_id: dialogue for dialogue in dialogues}
    found = []
    for pair in rated:
        dialogue = by_id[pair.dialog_id]
        texts = dialogue.responses[pair.a].text, dialogue.responses[pair.b].text
        found += [
            OrderedPair(dialogue.dialog_id, dialogue.situation, dialogue.utterance, *texts, order, number)
            for order in orders
            for number in range(1, repeats + 1)
        ]
    return found


def longer_baseline(dialogues: Iterable[Dialogue], rated: Iterable[RatedPair]) -> float:
    """How far "the longer one wins" agrees with the ratings. Raises `ValueError` if there are no pairs."""
    by_id = {dialogue.dialog_id: dialogue for dialogue in dialogues}

    def words(pair: RatedPair, source: str) -> int:
        return len(by_id[pair.dialog_id].responses[source].text.split())

    return agreement.longer_agreement(
        [(pair.better, words(pair, pair.a), words(pair, pair.b)) for pair in rated]
    )


def _pair(dialogue: Dialogue) -> RatedPair:
    return random.Random(f"{_SEED} {dialogue.dialog_id} pair").choice(_rated_pairs(dialogue))


def _rated_pairs(dialogue: Dialogue) -> list[RatedPair]:
    """All pairs with different ratings, each with its sides both ways."""
    found = sorted(dialogue.responses.items())
    return [
        RatedPair(dialogue.dialog_id, a, b, "a" if one.rating > other.rating else "b")
        for a, one in found
        for b, other in found
        if one.rating is not None and other.rating is not None
        if one.rating != other.rating and one.text != other.text
    ]
