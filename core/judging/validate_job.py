"""The job that validates a judge: its agreement with people on pairs that they rated differently."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec

from core.dialogues import records
from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.results import ValidateResult
from core.domain.verdicts import Order, Winner
from core.jobs import files
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import ValidateSettings
from core.judging import (
    agreement,
    comparison_metrics,
    llm_judge,
    protocol,
)
from core.judging.protocol import Contest

_SEED = 42


class RatedPair(msgspec.Struct, frozen=True):
    """Two responses to a dialogue, by their sources, and which one people rated higher."""

    dialog_id: str
    a: str
    b: str
    better: Winner


def run(job: JobContext[ValidateSettings]) -> ValidateResult:
    """Ask the judge about the pairs, as its comparisons do, and write them to validation.jsonl.

    Raises `UserError` when no dialogue has two responses with different ratings, or the judge does not
    answer.
    """
    dialogues = list(records.read(job.input("dialogues")))
    judge = job.settings.judge
    rated = pairs(dialogues, job.settings.pairs)
    if not rated:
        raise UserError(
            "no train dialogue has two responses with different ratings: there is nothing to validate a "
            "judge on"
        )
    contests = contests_of(dialogues, rated, llm_judge.orders(judge), judge.repeats)
    verdicts = [
        protocol.verdict(contest, ruling)
        for contest, ruling in zip(contests, llm_judge.rule(job, judge, contests), strict=True)
    ]
    job.journal.write(*verdicts, Progress(len(verdicts), len(verdicts)))
    path = job.folder / "validation.jsonl"
    files.write_bytes(path, b"".join(msgspec.json.encode(pair) + b"\n" for pair in rated))
    job.publish("pairs", path)
    outcomes = comparison_metrics.outcomes(verdicts)
    found = agreement.against_people([(p.dialog_id, p.better, outcomes[p.dialog_id]) for p in rated])
    metrics = comparison_metrics.of_comparison(
        contests, verdicts, placed=True, design=llm_judge.design(judge)
    )
    return ValidateResult(
        agreement=found.share,
        agreement_low=found.low,
        agreement_high=found.high,
        agreement_pairs=len(rated),
        design=metrics.design,
        prefers_first=metrics.prefers_first,
        placed=metrics.placed,
        flip_rate=metrics.flip_rate,
        paired=metrics.paired,
        verdicts=metrics.verdicts,
        invalid_verdicts=metrics.invalid_verdicts,
        invalid=metrics.invalid,
    )


def pairs(dialogues: Iterable[Dialogue], count: int) -> list[RatedPair]:
    """At most `count` pairs that people rated differently, each of another train dialogue.

    Drawn at random, always the same for the same data, and so are the sides: the better one is as
    often a as b. A smaller count's pairs are among a larger one's.
    """
    able = [d for d in dialogues if d.split == "train" and _rated_pairs(d)]
    # Of a generator of its own each, so that one dialogue more does not change the others' pairs.
    ranked = sorted(able, key=lambda d: random.Random(f"{_SEED} {d.dialog_id}").random())
    return [_pair(dialogue) for dialogue in ranked[:count]]


def contests_of(
    dialogues: Iterable[Dialogue], rated: Iterable[RatedPair], orders: Iterable[Order], repeats: int
) -> list[Contest]:
    """What the judge is asked about the pairs."""
    by_id = {dialogue.dialog_id: dialogue for dialogue in dialogues}
    found = []
    for pair in rated:
        dialogue = by_id[pair.dialog_id]
        texts = dialogue.responses[pair.a].text, dialogue.responses[pair.b].text
        found += [
            Contest(dialogue.dialog_id, dialogue.situation, dialogue.utterance, *texts, order, number)
            for order in orders
            for number in range(1, repeats + 1)
        ]
    return found


def _pair(dialogue: Dialogue) -> RatedPair:
    return random.Random(f"{_SEED} {dialogue.dialog_id} pair").choice(_rated_pairs(dialogue))


def _rated_pairs(dialogue: Dialogue) -> list[RatedPair]:
    """All pairs with a better response, both ways round."""
    found = sorted(dialogue.responses.items())
    return [
        RatedPair(dialogue.dialog_id, a, b, "a" if one.rating > other.rating else "b")
        for a, one in found
        for b, other in found
        if one.rating != other.rating and one.text != other.text
    ]
