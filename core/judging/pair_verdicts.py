"""A judge's verdicts on pairs of responses, of which those on identical ones are ties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from core.domain.evaluation.verdicts import Dimension, Winner
from core.jobs.context import JobContext
from core.jobs.records import VerdictRecord
from core.jobs.settings import Settings
from core.judging import protocol
from core.judging.protocol import Judge, OrderedPair


def embedded(job: JobContext[Settings]) -> Judge:
    """The embedded judge that the job reads."""
    # Imported here because LLM judges do not need PyTorch.
    from core.judging.embedded import embedded_judge, sentence_embeddings

    embedder = sentence_embeddings.Embedder(job.cache(sentence_embeddings.CACHE), job.spec.threads)
    return embedded_judge.FittedJudge(embedded_judge.load(job.input("judge")), embedder)


def judged(
    judge: Callable[[Sequence[OrderedPair]], Iterable[VerdictRecord]],
    ordered_pairs: Sequence[OrderedPair],
    dimensions: Iterable[Dimension] = (),
) -> list[VerdictRecord]:
    """The judge's verdicts; identical responses are a tie, in each of its `dimensions` as well, and are not
    sent to the judge."""
    todo = protocol.different(ordered_pairs)
    return with_identical(ordered_pairs, judge(todo) if todo else (), dimensions)


def with_identical(
    ordered_pairs: Sequence[OrderedPair], verdicts: Iterable[VerdictRecord], dimensions: Iterable[Dimension]
) -> list[VerdictRecord]:
    """The verdicts on all pairs, from those on pairs of different texts."""
    found = iter(list(verdicts))
    ties: dict[Dimension, Winner] = dict.fromkeys(dimensions, "tie")
    return [
        protocol.verdict(one, "tie", "identical responses", dimensions=ties)
        if one.response_a == one.response_b
        else next(found)
        for one in ordered_pairs
    ]
