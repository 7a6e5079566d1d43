"""Statistics of the imported data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.dialogues import HUMAN, Rating, RatingCounts, RatingPair


@dataclass(frozen=True)
class SourceStatistics:
    """One source's responses: how many are rated 1, 2 and 3, and their lengths in words.

    `lengths` are pairs of a number of words and the number of responses with it, the shortest first.
    """

    source: str
    ratings: tuple[int, int, int]
    mean_words: float
    max_words: int
    lengths: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Crosstab:
    """`counts[h-1][m-1]` is the number of dialogues with a human rating h and a rating m of the source."""

    source: str
    counts: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Statistics:
    """Dialogues per emotion and sentiment, and statistics of each source over all dialogues."""

    emotions: dict[str, int]
    sentiments: dict[str, int]
    sources: tuple[SourceStatistics, ...]
    crosstabs: tuple[Crosstab, ...]


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
