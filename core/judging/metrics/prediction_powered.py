"""Prediction-powered win rates: votes of people on some dialogues, and a judge's verdicts on all.

After Angelopoulos, Duchi and Zrnic, "PPI++: efficient prediction-powered inference" (arXiv 2311.01453), and
Fisch and others, "Stratified prediction-powered inference for hybrid language model evaluation" (arXiv
2406.04291). The judge's scores are predictions of the votes: whatever its errors, their mean is measured on
the dialogues with votes and taken off, so that the win rate is that of the people.

Votes whose dialogues were drawn with unequal probabilities are weighted (`active_voting`), after Zrnic and
Candès, "Active statistical inference" (arXiv 2403.03208).

The estimate is linear, so few lines suffice; ppi-python would bring numba, pandas and scikit-learn.
`python -m benchmarks.statistics` compares the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.domain.evaluation.human_evaluation import MIN_VOTED
from core.judging.metrics.inference import intervals
from core.judging.metrics.inference.intervals import ShareInterval

if TYPE_CHECKING:
    pass

#: Dialogues with votes in every stratum; smaller ones are put together.
_MIN_IN_STRATUM = 8


class Predicted(NamedTuple):
    """One dialogue of a comparison."""

    score: float | None
    """The judge's score of b, from 0 to 1; None if invalid."""
    vote: float | None
    """The mean vote for b over voters, from 0 to 1; None without votes."""
    emotion: str = ""
    """The speaker's emotion; empty without one."""
    sentiment: str = ""
    """The emotion's sentiment; empty without one."""
    identical: bool = False
    """Whether both texts are the same: a tie, on which nobody votes."""
    weight: float = 1.0
    """The weight of the vote, by how the dialogue was drawn."""


@dataclass(frozen=True)
class PredictionPowered:
    """The win rate of b by people over all dialogues of a comparison, from votes on some of them."""

    rate: ShareInterval
    """The win rate."""
    votes_alone: ShareInterval
    """The same estimate without the judge."""
    weight: float
    """λ, how much the judge's scores count, from 0 to 1."""
    strata: int
    """The number of groups of emotions; 1 without stratification."""
    voted: int
    """Dialogues with votes."""
    more: int | None
    """The number of further dialogues with votes after which the interval will exclude ½ if the estimate
    stays as it is: 0 if it does already, None if votes on all dialogues would not do, or are too few to
    say."""


@dataclass(frozen=True)
class _Sums:
    """The dialogues with two different texts, in strata; sums of squares are over those with votes, around
    the means of their strata, by the squares of weights that are 1 on average in each stratum."""

    dialogues: int
    voted: int
    strata: int
    #: All dialogues of the comparison, identical ones included.
    total: int
    #: The mean vote, and what a judge's scores add to it for each unit of the slope.
    mean: float
    shift: float
    votes: float
    scores: float
    both: float
    #: The same two sums, by the weights themselves.
    plain_scores: float
    plain_both: float
    #: Of how many votes with equal weights the votes are as certain (Kish).
    effective: float
    #: Σ W² / n over strata of weight W with n dialogues with votes.
    spread: float
    #: Σ W (mean of the stratum − mean)².
    between: float

    @property
    def slope(self) -> float:
        """Of the votes on the scores; clipped so that λ is from 0 to 1."""
        rest = 1 - self.voted / self.dialogues
        if self.voted < MIN_VOTED or self.scores < 1e-12 or not rest:
            return 0.0
        return min(max(0.0, self.both / self.scores), 1 / rest)


def prediction_powered(found: Sequence[Predicted]) -> PredictionPowered | None:
    """The prediction-powered win rate of b over all dialogues; None if none has votes.

    Invalid dialogues are predicted by the mean score of the others. In strata h of weight W_h, with n_h of
    N_h dialogues with votes, it is Σ W_h (mean vote + λ (mean score without votes − mean score with votes)),
    with λ from the regression of votes on scores within the strata, clipped to [0, 1]. Its variance is
    estimated as if one vote more had been won and one more had been lost, as in `intervals.of_mean`, of which
    this is the case with λ = 0 and one stratum. If that is not narrower than the votes alone, it is these.
    Votes with weights have weighted means in it, and squares by the squares of their weights.
    """
    alone = _sums(found, [""] * len(found))
    if alone is None:
        return None
    votes = _interval(alone, 0.0, alone.voted)
    stratified = _sums(found, _strata(found))
    best, slope, rate = alone, 0.0, votes
    for sums in (alone, stratified):
        if sums is not None and (sums.slope or sums.strata > 1):
            made = _interval(sums, sums.slope, sums.voted)
            if made.high - made.low < rate.high - rate.low:
                best, slope, rate = sums, sums.slope, made
    return PredictionPowered(
        rate=rate,
        votes_alone=votes,
        weight=slope * (1 - best.voted / best.dialogues),
        strata=best.strata,
        voted=best.voted,
        more=_more(best, slope) if best.voted >= MIN_VOTED else None,
    )


def _strata(found: Sequence[Predicted]) -> list[str]:
    """The stratum of each dialogue: its emotion; emotions with few votes are put together by sentiment.

    They depend on the number of votes alone, and not on what these say.
    """
    names = [one.emotion for one in found]
    for coarser in ([one.sentiment for one in found], [""] * len(found)):
        voted = Counter(
            name for name, one in zip(names, found, strict=True) if one.vote is not None and not one.identical
        )
        names = [
            name if voted[name] >= _MIN_IN_STRATUM else f"\0{other}"
            for name, other in zip(names, coarser, strict=True)
        ]
    small = sum(
        name == "\0" and one.vote is not None and not one.identical
        for name, one in zip(names, found, strict=True)
    )
    # The rest would be a stratum without enough votes: nothing is stratified then.
    return names if "\0" not in names or small >= _MIN_IN_STRATUM else [""] * len(found)


def _sums(found: Sequence[Predicted], strata: Sequence[str]) -> _Sums | None:
    import numpy as np

    own = [(one, name) for one, name in zip(found, strata, strict=True) if not one.identical]
    valid = [one.score for one, _ in own if one.score is not None]
    typical = sum(valid) / len(valid) if valid else 0.5
    score = np.array([typical if one.score is None else one.score for one, _ in own])
    vote = np.array([one.vote for one, _ in own], dtype=np.float64)
    _, place = np.unique([name for _, name in own], return_inverse=True)
    voted = ~np.isnan(vote)
    n = int(voted.sum())
    if not n:
        return None
    sizes, with_votes = np.bincount(place), np.bincount(place[voted])
    weights = sizes / sizes.sum()
    weight = np.array([one.weight for one, _ in own])[voted]
    weight = weight / (np.bincount(place[voted], weight) / with_votes)[place[voted]]
    mean_vote = np.bincount(place[voted], weight * vote[voted]) / with_votes
    mean_score = np.bincount(place[voted], weight * score[voted]) / with_votes
    mean = float(weights @ mean_vote)
    apart, predicted = vote[voted] - mean_vote[place[voted]], score[voted] - mean_score[place[voted]]
    # A vote won and a vote lost, which the judge's scores do not predict.
    smoothed = (n * mean + 1) / (n + 2)
    more = n * (mean - smoothed) ** 2 + smoothed**2 + (1 - smoothed) ** 2
    squared = weight**2
    return _Sums(
        dialogues=len(own),
        voted=n,
        strata=len(sizes),
        total=len(found),
        mean=mean,
        shift=float(weights @ (np.bincount(place, score) / sizes - mean_score)),
        votes=float(squared @ apart**2) + more,
        scores=float(squared @ predicted**2),
        both=float(squared @ (apart * predicted)),
        plain_scores=float(weight @ predicted**2),
        plain_both=float(weight @ (apart * predicted)),
        effective=float(n**2 / squared.sum()),
        spread=float((weights**2 / with_votes).sum()),
        between=float(weights @ (mean_vote - mean) ** 2),
    )


def _interval(sums: _Sums, slope: float, voted: int) -> ShareInterval:
    """The estimate with its interval, if so many dialogues had votes."""
    used = sums.strata + (slope > 0)
    freedom = sums.voted + 2 - used
    spread = sums.spread * sums.voted / voted
    explained = 2 * slope * sums.both - slope**2 * sums.scores
    known = 2 * slope * sums.plain_both - slope**2 * sums.plain_scores
    # Of the dialogues without votes only what the scores say is known, of the others the votes as well.
    within = (sums.votes * spread - max(0.0, explained * spread - known / sums.dialogues)) / freedom
    mean = min(1.0, max(0.0, sums.mean + slope * sums.shift))
    part = sums.dialogues / sums.total
    variance = part**2 * (within + sums.between / sums.dialogues)
    variance += part * (1 - part) * (mean - 0.5) ** 2 / sums.total
    smoothed = (sums.voted * mean + 1) / (sums.voted + 2)
    half = (1 - part) / 2
    return intervals.of_variance(
        part * mean + half,
        variance,
        max(1, round(voted * sums.effective / sums.voted) - used),
        smoothed=part * smoothed + half,
    )


def _more(sums: _Sums, slope: float) -> int | None:
    def decided(voted: int) -> bool:
        found = _interval(sums, slope, voted)
        return found.low > 0.5 or found.high < 0.5

    low, high = sums.voted, sums.dialogues
    if decided(low):
        return 0
    if not decided(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high - sums.voted
