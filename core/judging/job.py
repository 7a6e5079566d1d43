"""The job that lets a judge compare two responders over the test split."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from core.dialogues import records
from core.dialogues.records import Dialogue
from core.errors import UserError
from core.judging import embedded, statistics
from core.judging.embedded import EmbeddedJudge
from core.judging.embedding import Embedder
from core.judging.protocol import Contest, Judge, Ruling
from core.pipeline.job import Job
from core.pipeline.journal import Progress, Verdict, Winner

_BATCH = 50


def run(job: Job) -> dict[str, Any]:
    """Judge each test dialogue in every order that matters, but for what earlier attempts judged.

    Raises `UserError` when the two responders did not answer the same dialogues.
    """
    torch.set_num_threads(job.spec.threads)
    dialogues = [d for d in records.read(job.input("dialogues")) if d.split == "test"]
    responses = {side: _responses(job, side, dialogues) for side in ("a", "b")}
    weights = embedded.load(job.input("judge"))
    judge: Judge = EmbeddedJudge(weights, Embedder())
    verdicts = {(verdict.dialog_id, verdict.order): verdict for verdict in job.prior(Verdict)}
    if verdicts:
        job.journal.write(*verdicts.values())
    contests = [
        Contest(
            d.dialog_id,
            d.situation,
            d.utterance,
            responses["a"][d.dialog_id],
            responses["b"][d.dialog_id],
            order,
        )
        for d in dialogues
        for order in judge.orders
    ]
    todo = [contest for contest in contests if (contest.dialog_id, contest.order) not in verdicts]
    job.journal.write(Progress(len(contests) - len(todo), len(contests)))
    for start in range(0, len(todo), _BATCH):
        batch = todo[start : start + _BATCH]
        job.check()
        new = [
            Verdict(contest.dialog_id, contest.order, ruling.winner, ruling.raw)
            for contest, ruling in zip(batch, _rule(judge, batch), strict=True)
        ]
        verdicts |= {(verdict.dialog_id, verdict.order): verdict for verdict in new}
        job.journal.write(*new, Progress(len(verdicts), len(contests)))
    winners: dict[str, list[Winner]] = defaultdict(list)
    for contest in contests:
        winners[contest.dialog_id].append(verdicts[contest.dialog_id, contest.order].winner)
    rate = statistics.win_rate([statistics.outcome(found) for found in winners.values()])
    return dataclasses.asdict(rate) | {
        "interval": statistics.INTERVAL,
        "orders": len(judge.orders),
        "label": judge.label,
        "agreement": weights.agreement.share,
    }


def _responses(job: Job, side: str, dialogues: list[Dialogue]) -> dict[str, str]:
    """A responder's texts by dialogue, of exactly these dialogues."""
    if not dialogues:
        raise UserError("the data has no test dialogue: there is nothing to compare on")
    name = job.settings[side]
    remedy = "let it respond again"
    if side in job.spec.inputs:
        # Of bytes: a response may hold U+2028 and the like, which end a line for str.splitlines.
        lines = job.input(side).read_bytes().splitlines()
        found = {row["dialog_id"]: row["text"] for row in map(json.loads, lines)}
    else:
        found = {d.dialog_id: d.responses[name].text for d in dialogues if name in d.responses}
        remedy = "compare with another responder, or import data that has them all"
    missing = [d.dialog_id for d in dialogues if d.dialog_id not in found]
    if missing:
        raise UserError(
            f"{name} has no response to {len(missing)} of {len(dialogues)} test dialogues ({missing[0]} "
            f"is the first): {remedy}"
        )
    return {d.dialog_id: found[d.dialog_id] for d in dialogues}


def _rule(judge: Judge, contests: Sequence[Contest]) -> list[Ruling]:
    """The judge's rulings; two identical responses are a tie without asking."""
    asked = [contest for contest in contests if contest.response_a != contest.response_b]
    rulings = iter(list(judge.judge(asked)) if asked else [])
    same = Ruling("tie", "identical responses")
    return [same if contest.response_a == contest.response_b else next(rulings) for contest in contests]
