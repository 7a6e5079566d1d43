"""Statistics of the imported data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.dialogues import HUMAN, Dialogue, Rating


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


def describe(dialogues: Sequence[Dialogue]) -> Statistics:
    """The statistics of these dialogues; words are separated by white space."""
    is_rated = any(r.rating is not None for dialogue in dialogues for r in dialogue.responses.values())
    names = tuple(dict.fromkeys(source for dialogue in dialogues for source in dialogue.responses))
    return Statistics(
        emotions=dict(sorted(Counter(dialogue.emotion for dialogue in dialogues).items())),
        sentiments=dict(sorted(Counter(dialogue.sentiment for dialogue in dialogues).items())),
        sources=tuple(_source(dialogues, name) for name in names),
        crosstabs=tuple(_crosstab(dialogues, name) for name in names if name != HUMAN and is_rated),
    )


def _source(dialogues: Sequence[Dialogue], source: str) -> SourceStatistics:
    responses = [dialogue.responses[source] for dialogue in dialogues if source in dialogue.responses]
    ratings = Counter(response.rating for response in responses)
    words = [len(response.text.split()) for response in responses]
    return SourceStatistics(
        source,
        (ratings[1], ratings[2], ratings[3]),
        sum(words) / len(words),
        max(words),
        tuple(sorted(Counter(words).items())),
    )


def _crosstab(dialogues: Sequence[Dialogue], source: str) -> Crosstab:
    found: Counter[tuple[Rating | None, Rating | None]] = Counter(
        (dialogue.responses[HUMAN].rating, dialogue.responses[source].rating)
        for dialogue in dialogues
        if source in dialogue.responses and HUMAN in dialogue.responses
    )
    return Crosstab(source, tuple((found[human, 1], found[human, 2], found[human, 3]) for human in (1, 2, 3)))
