"""A judge's rulings on contests, of which those between identical responses are ties."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from core.domain.evaluation.verdicts import Dimension
from core.jobs.context import JobContext
from core.jobs.settings import Settings
from core.judging.protocol import Contest, Judge, Ruling


def embedded(job: JobContext[Settings]) -> Judge:
    """The embedded judge that the job reads."""
    # Imported here because LLM judges do not need PyTorch.
    from core.judging.embedded import embedded_judge, sentence_embeddings

    embedder = sentence_embeddings.Embedder(job.cache(sentence_embeddings.CACHE), job.spec.threads)
    return embedded_judge.FittedJudge(embedded_judge.load(job.input("judge")), embedder)


def rule(
    judge: Callable[[Sequence[Contest]], Iterable[Ruling]],
    contests: Sequence[Contest],
    dimensions: Iterable[Dimension] = (),
) -> list[Ruling]:
    """The judge's rulings; identical responses are a tie, in each of its `dimensions` as well, and are not
    sent to the judge."""
    todo = different(contests)
    return with_identical(contests, judge(todo) if todo else (), dimensions)


def different(contests: Iterable[Contest]) -> list[Contest]:
    return [contest for contest in contests if contest.response_a != contest.response_b]


def with_identical(
    contests: Sequence[Contest], ruled: Iterable[Ruling], dimensions: Iterable[Dimension]
) -> list[Ruling]:
    """The rulings on all contests, from those on pairs of different texts."""
    found = iter(list(ruled))
    same = Ruling("tie", "identical responses", dimensions=dict.fromkeys(dimensions, "tie"))
    return [same if contest.response_a == contest.response_b else next(found) for contest in contests]
