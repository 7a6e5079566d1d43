"""The job in which a judge compares two responders over the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from core.dialogues import records, response_file
from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.results import CompareResult
from core.domain.verdicts import Dimension
from core.jobs.context import JobContext
from core.jobs.records import Progress, VerdictRecord
from core.jobs.settings import CompareSettings, EmbeddedJudge, LlmJudge
from core.judging import comparison_metrics, protocol
from core.judging.llm import llm_judge
from core.judging.protocol import Contest, Judge, Ruling

_BATCH = 50


def run(job: JobContext[CompareSettings]) -> CompareResult:
    """Judge each test dialogue in the judge's orders; verdicts of earlier attempts are kept.

    Dialogues that a teacher left out, or to which a source has no response in the data, are left out here
    too. Raises `UserError` when a responder's file lacks another test dialogue, no dialogue is left, or an
    LLM judge does not answer.
    """
    test = [d for d in records.read(job.input("dialogues")) if d.split == "test"]
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
            judge = _embedded(job)
            contests = protocol.contests(dialogues, responses["a"], responses["b"], judge.orders)
            verdicts = _embedded_verdicts(job, judge, contests)
            return comparison_metrics.of_comparison(
                contests, verdicts, placed=False, design="each response by itself", label=judge.label
            )
        case LlmJudge() as chosen:
            orders = llm_judge.orders(chosen)
            contests = protocol.contests(dialogues, responses["a"], responses["b"], orders, chosen.repeats)
            verdicts = _llm_verdicts(job, chosen, contests)
            # In a single order the baseline is always first: position bias cannot be measured.
            return comparison_metrics.of_comparison(
                contests, verdicts, placed=chosen.swap, design=llm_judge.design(chosen)
            )


def _embedded(job: JobContext[CompareSettings]) -> Judge:
    # Imported here because LLM judges do not need PyTorch.
    import torch

    from core.judging.embedded import embedded_judge
    from core.judging.embedded.sentence_embeddings import Embedder

    torch.set_num_threads(job.spec.threads)
    return embedded_judge.FittedJudge(embedded_judge.load(job.input("judge")), Embedder())


def _embedded_verdicts(
    job: JobContext[CompareSettings], judge: Judge, contests: Sequence[Contest]
) -> list[VerdictRecord]:
    """The verdicts of the embedded judge, in the order of the contests."""
    verdicts = {(verdict.dialog_id, verdict.order): verdict for verdict in job.prior(VerdictRecord)}
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
    return [verdicts[contest.dialog_id, contest.order] for contest in contests]


def _llm_verdicts(
    job: JobContext[CompareSettings], judge: LlmJudge, contests: Sequence[Contest]
) -> list[VerdictRecord]:
    """The verdicts of an LLM judge; its answers, which cost money, are in the journal already."""
    rulings = _rule(lambda todo: llm_judge.rule(job, judge, todo), contests, llm_judge.dimensions(judge))
    new = _verdicts(contests, rulings)
    job.journal.write(*new, Progress(len(new), len(contests)))
    return new


def _verdicts(contests: Sequence[Contest], rulings: Sequence[Ruling]) -> list[VerdictRecord]:
    return [protocol.verdict(contest, ruling) for contest, ruling in zip(contests, rulings, strict=True)]


def _responses(
    job: JobContext[CompareSettings], side: Literal["a", "b"], dialogues: list[Dialogue]
) -> dict[str, str]:
    """A responder's texts by dialogue.

    A teacher may have left out as many as its `max_left_out` allows, and an import counts the responses
    that it leaves out. Raises `UserError` if another is missing.
    """
    if not dialogues:
        raise UserError("the data has no test dialogue: responders cannot be compared on it")
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


def _rule(
    judge: Callable[[Sequence[Contest]], Iterable[Ruling]],
    contests: Sequence[Contest],
    dimensions: Iterable[Dimension] = (),
) -> list[Ruling]:
    """The judge's rulings; identical responses are a tie, in each of its `dimensions` as well, and are not
    sent to the judge."""
    different = [contest for contest in contests if contest.response_a != contest.response_b]
    rulings = iter(list(judge(different)) if different else [])
    same = Ruling("tie", "identical responses", dimensions=dict.fromkeys(dimensions, "tie"))
    return [same if contest.response_a == contest.response_b else next(rulings) for contest in contests]
