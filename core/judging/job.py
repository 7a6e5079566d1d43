"""The job that lets a judge compare two responders over the test split."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core.dialogues import records
from core.dialogues.records import Dialogue
from core.errors import UserError
from core.judging import asked, protocol, statistics
from core.judging.protocol import Contest, Judge, Ruling
from core.pipeline.job import Job
from core.pipeline.journal import Order, Progress, Verdict, Winner

Verdicts = dict[tuple[str, Order], Verdict]

_BATCH = 50


def run(job: Job) -> dict[str, Any]:
    """Judge each test dialogue in every order that matters, but for what earlier attempts judged.

    Raises `UserError` when the two responders did not answer the same dialogues, or a judge that is
    asked does not answer.
    """
    dialogues = [d for d in records.read(job.input("dialogues")) if d.split == "test"]
    responses = {side: _responses(job, side, dialogues) for side in ("a", "b")}
    name, provider = job.settings["judge"]["name"], job.settings["judge"]["provider"]
    agreement: float | None = None
    if provider == "embedded":
        judge, agreement = _embedded(job)
        orders, label = judge.orders, judge.label
    else:
        orders = asked.orders(job.settings["judge"]["swap"])
        label = f"{name}: its agreement with people is not measured here"
    contests = protocol.contests(dialogues, responses["a"], responses["b"], orders)
    verdicts = _scored(job, judge, contests) if provider == "embedded" else _asked(job, contests)
    found: dict[str, list[tuple[Order, Winner]]] = defaultdict(list)
    for contest in contests:
        winner = verdicts[contest.dialog_id, contest.order].winner
        found[contest.dialog_id].append((contest.order, winner))
    outcomes = [statistics.outcome([winner for _, winner in pair]) for pair in found.values()]
    rate = statistics.win_rate(outcomes, len(orders))
    design = "" if provider == "embedded" else ", both orders" if len(orders) == 2 else ", the baseline first"
    # Where order cannot matter there is nothing to say about it.
    said = statistics.orders([] if provider == "embedded" else list(found.values()))
    return {
        **dataclasses.asdict(rate),
        **dataclasses.asdict(said),
        "interval": rate.interval + design,
        "orders": len(orders),
        "label": label,
        "agreement": agreement,
    }


def _embedded(job: Job) -> tuple[Judge, float]:
    """The embedded judge, and its measured agreement with people."""
    # Heavy, and of no use to a judge that is asked.
    import torch

    from core.judging import embedded
    from core.judging.embedding import Embedder

    torch.set_num_threads(job.spec.threads)
    weights = embedded.load(job.input("judge"))
    return embedded.EmbeddedJudge(weights, Embedder()), weights.agreement.share


def _scored(job: Job, judge: Judge, contests: Sequence[Contest]) -> Verdicts:
    """The verdicts of a judge in this process."""
    verdicts = {(verdict.dialog_id, verdict.order): verdict for verdict in job.prior(Verdict)}
    if verdicts:
        job.journal.write(*verdicts.values())
    todo = [contest for contest in contests if (contest.dialog_id, contest.order) not in verdicts]
    job.journal.write(Progress(len(contests) - len(todo), len(contests)))
    for start in range(0, len(todo), _BATCH):
        batch = todo[start : start + _BATCH]
        job.check()
        new = _verdicts(batch, _rule(judge.judge, batch))
        verdicts |= {(verdict.dialog_id, verdict.order): verdict for verdict in new}
        job.journal.write(*new, Progress(len(verdicts), len(contests)))
    return verdicts


def _asked(job: Job, contests: Sequence[Contest]) -> Verdicts:
    """The verdicts of a judge that is asked; the journals of its answers keep what was paid for."""
    new = _verdicts(contests, _rule(lambda todo: asked.rule(job, todo), contests))
    job.journal.write(*new, Progress(len(new), len(contests)))
    return {(verdict.dialog_id, verdict.order): verdict for verdict in new}


def _verdicts(contests: Sequence[Contest], rulings: Sequence[Ruling]) -> list[Verdict]:
    return [
        Verdict(contest.dialog_id, contest.order, ruling.winner, ruling.raw)
        for contest, ruling in zip(contests, rulings, strict=True)
    ]


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


def _rule(
    judge: Callable[[Sequence[Contest]], Iterable[Ruling]], contests: Sequence[Contest]
) -> list[Ruling]:
    """The judge's rulings; two identical responses are a tie without asking."""
    different = [contest for contest in contests if contest.response_a != contest.response_b]
    rulings = iter(list(judge(different)) if different else [])
    same = Ruling("tie", "identical responses")
    return [same if contest.response_a == contest.response_b else next(rulings) for contest in contests]
