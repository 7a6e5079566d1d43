"""Statistics of the imported data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.data.dialogues import HUMAN, Rating, RatingCounts, RatingPair


@dataclass(frozen=True)
class SourceStatistics:
    """The responses of one source over all dialogues."""

    source: str
    """The source, such as `human`."""
    ratings: tuple[int, int, int]
    """Numbers of responses that are rated 1, 2 and 3."""
    mean_words: float
    """Average length in words."""
    max_words: int
    """Length of the longest response in words."""
    lengths: tuple[tuple[int, int], ...]
    """A number of words, and the number of responses with it; the shortest first."""


@dataclass(frozen=True)
class Crosstab:
    """How a source's ratings go together with those of the human responses."""

    source: str
    """The source whose ratings are the columns."""
    counts: tuple[tuple[int, int, int], ...]
    """`counts[h-1][m-1]` is the number of dialogues with a human rating h and a rating m of the source."""


@dataclass(frozen=True)
class Statistics:
    """What the imported data has."""

    emotions: dict[str, int]
    """Number of dialogues for each emotion."""
    sentiments: dict[str, int]
    """Number of dialogues for each sentiment."""
    sources: tuple[SourceStatistics, ...]
    """The responses of each source."""
    crosstabs: tuple[Crosstab, ...]
    """One for each source but the human one; empty where nothing is rated."""


def describe(
    emotions: dict[str, int],
    sentiments: dict[str, int],
    rated: RatingCounts,
    responses: Iterable[tuple[str, Rating | None, str]],
) -> Statistics:
    """The statistics of the data; words are separated by white space.

    `emotions` and `sentiments` count dialogues, `rated` is of all dialogues, and `responses` are (source,
    rating, text), in any order.
    """
    ratings: defaultdict[str, Counter[Rating | None]] = defaultdict(Counter)
    words: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for source, rating, text in responses:
        ratings[source][rating] += 1
        words[source][len(text.split())] += 1
    is_rated = any(rating is not None for own in ratings.values() for rating in own)
    return Statistics(
        emotions=emotions,
        sentiments=sentiments,
        sources=tuple(
            _source(source, ratings[source], words[source])
            for source in (HUMAN, *rated.pairs)
            if source in ratings
        ),
        crosstabs=tuple(
            _crosstab(source, own) for source, own in rated.pairs.items() if source in ratings and is_rated
        ),
    )


def _source(source: str, ratings: Mapping[Rating | None, int], words: Mapping[int, int]) -> SourceStatistics:
    mean = sum(length * number for length, number in words.items()) / sum(words.values())
    counts = (ratings.get(1, 0), ratings.get(2, 0), ratings.get(3, 0))
    return SourceStatistics(source, counts, mean, max(words), tuple(sorted(words.items())))


def _crosstab(source: str, rated: Mapping[RatingPair, int]) -> Crosstab:
    def row(human: Rating) -> tuple[int, int, int]:
        return rated.get((human, 1), 0), rated.get((human, 2), 0), rated.get((human, 3), 0)

    return Crosstab(source, (row(1), row(2), row(3)))
