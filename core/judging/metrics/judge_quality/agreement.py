"""Agreement between two judges, and between a judge and human ratings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.domain.evaluation.comparisons import Agreement, AgreementKind
from core.domain.evaluation.verdicts import Winner
from core.judging.metrics.inference import bootstrap, intervals
from core.judging.metrics.inference.intervals import ShareInterval

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

#: Each resample needs one kappa.
_RESAMPLES = 2_000
_LABELS: dict[Winner, int] = {"a": 0, "b": 1, "tie": 2}


def agreement(
    one: str,
    other: str,
    kind: AgreementKind,
    labels: Sequence[tuple[str, Winner, Winner]],
    weights: Sequence[float] | None = None,
) -> Agreement | None:
    """The agreement of two judges or voters on pairs, each given as (dialogue, outcome of one, of the other).

    With `weights`, one for each pair, shares and kappa are weighted; `pairs` counts the pairs.

    Pairs with an invalid outcome are left out; None if none remains. The interval of the share is Wilson's
    with the effective sample size, clustered by dialogue. Kappa is Cohen's ("A coefficient of agreement for
    nominal scales", Educational and Psychological Measurement 20, 1960), over the three outcomes a, b and
    tie; its interval has the percentiles of a bootstrap over dialogues. If all dialogues have the same share,
    the bootstrap interval has no width; then the interval of kappa is derived from that of the share.
    """
    tables: dict[str, Floats] = defaultdict(lambda: np.zeros((len(_LABELS), len(_LABELS))))
    pairs = 0
    for (dialogue, of_one, of_other), weight in zip(labels, weights or [1.0] * len(labels), strict=True):
        if of_one != "invalid" and of_other != "invalid":
            tables[dialogue][_LABELS[of_one], _LABELS[of_other]] += weight
            pairs += 1
    if not tables:
        return None
    by_dialogue = np.array(list(tables.values()))
    agreed, counts = np.trace(by_dialogue, axis1=1, axis2=2), by_dialogue.sum(axis=(1, 2))
    raw = intervals.of_ratio(agreed, counts)
    kappa, kappa_low, kappa_high = _kappa(by_dialogue, raw, is_even=len(set(agreed / counts)) == 1)
    return Agreement(
        one=one,
        other=other,
        kind=kind,
        pairs=pairs,
        dialogues=len(by_dialogue),
        raw=raw.share,
        raw_low=raw.low,
        raw_high=raw.high,
        kappa=kappa,
        kappa_low=kappa_low,
        kappa_high=kappa_high,
    )


def human_agreement(found: Sequence[tuple[Winner, float]]) -> ShareInterval:
    """The share of verdicts in which the judge agrees with the human ratings.

    Each pair, one for each dialogue, is (better response by human ratings, the judge's score of b).
    Raises `ValueError` if there are no pairs.
    """
    return intervals.of_mean([score if better == "b" else 1 - score for better, score in found])


def longer_agreement(found: Sequence[tuple[Winner, int, int]]) -> float:
    """How far "the longer one wins" agrees with the human ratings: a baseline for every judge.

    Each pair is (better response by human ratings, words of a, words of b); equal lengths are half right.
    Raises `ValueError` if there are no pairs.
    """
    if not found:
        raise ValueError("no pairs")
    right = [0.5 if a == b else float((b > a) == (better == "b")) for better, a, b in found]
    return sum(right) / len(right)


def _chances(tables: Floats) -> Floats:
    """The agreement expected by chance in each table."""
    expected: Floats = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / tables.sum(axis=(1, 2)) ** 2
    return expected


def _kappas(tables: Floats) -> Floats:
    """Cohen's kappa of each table; NaN where the agreement expected by chance is 1."""
    expected, agreed = _chances(tables), np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))
    # statsmodels has one table at a time, which takes seconds for a bootstrap; a test compares the two.
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(expected < 1, (agreed - expected) / (1 - expected), np.nan)
    return found


def _kappa(
    tables: Floats, raw: ShareInterval, *, is_even: bool
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Kappa over the tables of all dialogues, with its interval; `is_even` if all have the same share."""
    total = tables.sum(axis=0, keepdims=True)
    kappa = float(_kappas(total)[0])
    if np.isnan(kappa):
        return None, None, None
    if is_even:
        chance = float(_chances(total)[0])
        low, high = (max(-1.0, (end - chance) / (1 - chance)) for end in (raw.low, raw.high))
        return kappa, low, high
    drawn = np.concatenate(
        [np.einsum("rd,dij->rij", weights, tables) for weights in bootstrap.weights(len(tables), _RESAMPLES)]
    )
    kappas = _kappas(drawn)
    return kappa, *bootstrap.interval(kappas[~np.isnan(kappas)])
