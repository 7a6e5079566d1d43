"""The job in which a judge compares two responders over the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from core.dialogues.files import records, response_file
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.jobs.results import CompareResult
from core.jobs.context import JobContext
from core.jobs.records import Progress, VerdictRecord
from core.jobs.settings import CompareSettings, EmbeddedJudge, LlmJudge
from core.judging import pair_verdicts, protocol
from core.judging.llm import llm_judge
from core.judging.metrics import comparison_metrics
from core.judging.metrics.study_design import sequential
from core.judging.protocol import Judge, OrderedPair

#: Dialogues that the embedded judge scores together.
_BATCH = 50
#: Dialogues that are judged together, at most, before it is checked whether it is decided.
_MAX_PART = 8


def run(job: JobContext[CompareSettings]) -> CompareResult:
    """Judge each test dialogue in the judge's orders; verdicts of earlier attempts are kept.

    Dialogues that a teacher left out, or to which a source has no response in the data, are left out here
    too. Raises `UserError` when a responder's file lacks another test dialogue, no dialogue is left, or an
    LLM judge does not answer.
    """
    test = records.read_test_split(job.input("dialogues"))
    responses = {"a": _responses(job, "a", test), "b": _responses(job, "b", test)}
    dialogues = [d for d in test if all(d.dialog_id in texts for texts in responses.values())]
    if not dialogues:
        raise UserError(
            f"no test dialogue has a response of {job.settings.a} and one of {job.settings.b}: compare others"
        )
    result = _compare(job, dialogues, responses)
    return msgspec.structs.replace(result, left_out=len(test) - len(dialogues))


def _compare(
    job: JobContext[CompareSettings], dialogues: Sequence[Dialogue], responses: Mapping[str, dict[str, str]]
) -> CompareResult:
    match job.settings.judge:
        case EmbeddedJudge():
            judge = pair_verdicts.embedded(job)
            ordered_pairs = protocol.ordered_pairs(dialogues, responses["a"], responses["b"], judge.orders)
            parts = _parts(job, ordered_pairs, _MAX_PART)
            verdicts = _embedded_verdicts(job, judge, parts)
            return comparison_metrics.of_comparison(
                ordered_pairs,
                verdicts,
                placed=False,
                design="each response by itself",
                label=judge.label,
                stops=job.settings.stop is not None,
            )
        case LlmJudge() as chosen:
            orders = llm_judge.orders(chosen)
            ordered_pairs = protocol.ordered_pairs(
                dialogues, responses["a"], responses["b"], orders, chosen.repeats
            )
            if job.settings.stop is None:
                verdicts = _llm_verdicts(job, chosen, ordered_pairs)
            else:
                at_a_time = chosen.model.client.teacher.max_concurrency // (len(orders) * chosen.repeats)
                parts = _parts(job, ordered_pairs, max(1, min(_MAX_PART, at_a_time)))
                verdicts = _llm_verdicts_until_decided(job, chosen, parts)
            # In a single order the baseline is always first: position bias cannot be measured.
            return comparison_metrics.of_comparison(
                ordered_pairs,
                verdicts,
                placed=chosen.swap,
                design=llm_judge.design(chosen),
                stops=job.settings.stop is not None,
            )


def _parts(
    job: JobContext[CompareSettings], ordered_pairs: Sequence[OrderedPair], dialogues: int
) -> list[list[OrderedPair]]:
    """The pairs in parts, so many dialogues in each: in random order if judging may stop before the last
    part, otherwise in the data's order."""
    by_dialogue: dict[str, list[OrderedPair]] = {}
    for ordered_pair in ordered_pairs:
        by_dialogue.setdefault(ordered_pair.dialog_id, []).append(ordered_pair)
    if job.settings.stop is None:
        names, dialogues = list(by_dialogue), _BATCH
    else:
        names = sequential.in_order(by_dialogue)
    return [
        [ordered_pair for name in names[start : start + dialogues] for ordered_pair in by_dialogue[name]]
        for start in range(0, len(names), dialogues)
    ]


def _embedded_verdicts(
    job: JobContext[CompareSettings], judge: Judge, parts: Sequence[Sequence[OrderedPair]]
) -> list[VerdictRecord]:
    """The verdicts of the embedded judge, in the order of the parts."""
    verdicts = {(verdict.dialog_id, verdict.order): verdict for verdict in job.prior(VerdictRecord)}
    if verdicts:
        job.journal.write(*verdicts.values())
    total = sum(map(len, parts))
    job.journal.write(Progress(len(verdicts), total))
    found: list[VerdictRecord] = []
    for part in parts:
        todo = [
            ordered_pair
            for ordered_pair in part
            if (ordered_pair.dialog_id, ordered_pair.order) not in verdicts
        ]
        if todo:
            job.check()
            new = pair_verdicts.judged(judge.judge, todo)
            verdicts |= {(verdict.dialog_id, verdict.order): verdict for verdict in new}
            job.journal.write(*new, Progress(len(verdicts), total))
        found += [verdicts[ordered_pair.dialog_id, ordered_pair.order] for ordered_pair in part]
        if job.settings.stop is not None and comparison_metrics.is_decided(found):
            job.journal.write(Progress(len(found), len(found)))
            break
    return found


def _llm_verdicts(
    job: JobContext[CompareSettings], judge: LlmJudge, ordered_pairs: Sequence[OrderedPair]
) -> list[VerdictRecord]:
    """The verdicts of an LLM judge; its answers, which cost money, are in the journal already."""
    new = pair_verdicts.judged(
        lambda todo: llm_judge.judge_pairs(job, judge, todo), ordered_pairs, llm_judge.dimensions(judge)
    )
    job.journal.write(*new, Progress(len(new), len(ordered_pairs)))
    return new


def _llm_verdicts_until_decided(
    job: JobContext[CompareSettings], judge: LlmJudge, parts: Sequence[Sequence[OrderedPair]]
) -> list[VerdictRecord]:
    """The verdicts of an LLM judge on the first parts, until it is decided who is better."""
    dimensions = llm_judge.dimensions(judge)

    def verdicts(of_different: Sequence[Sequence[VerdictRecord]]) -> list[VerdictRecord]:
        return [
            verdict
            for part, own in zip(parts, of_different, strict=False)
            for verdict in pair_verdicts.with_identical(part, own, dimensions)
        ]

    found = verdicts(
        llm_judge.judge_until(
            job,
            judge,
            [protocol.different(part) for part in parts],
            lambda of_different: comparison_metrics.is_decided(verdicts(of_different)),
        )
    )
    job.journal.write(*found, Progress(len(found), len(found)))
    return found


def _responses(
    job: JobContext[CompareSettings], side: Literal["a", "b"], dialogues: list[Dialogue]
) -> dict[str, str]:
    """A responder's texts by dialogue.

    A teacher may have left out as many as its `max_left_out` allows, and an import counts the responses
    that it leaves out. Raises `UserError` if another is missing.
    """
    name = job.settings.a if side == "a" else job.settings.b
    if side not in job.spec.inputs:
        return {d.dialog_id: d.responses[name].text for d in dialogues if name in d.responses}
    found = response_file.read(job.input(side))
    left_out = response_file.left_out(job.input(side))
    missing = [d.dialog_id for d in dialogues if d.dialog_id not in found and d.dialog_id not in left_out]
    if missing:
        raise UserError(
            f"{name} has no response to {len(missing)} of {len(dialogues)} test dialogues ({missing[0]} "
            "is the first): run its respond job again"
        )
    return found
