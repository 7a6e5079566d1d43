"""How far two that judge the same pairs agree, and how far a judge agrees with people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.verdicts import Winner
from core.judging import bootstrap
from core.judging.statistics import mean_interval

Floats = NDArray[np.float64]

#: Each costs a kappa.
_RESAMPLES = 2_000
_LABELS: dict[Winner, int] = {"a": 0, "b": 1, "tie": 2}


@dataclass(frozen=True)
class Agreed:
    """Over `pairs` of `dialogues`: the share with the same outcome, and Cohen's kappa.

    Kappa, and its interval, is None where chance alone would have the two agree on everything. The 95 %
    intervals are percentiles of a bootstrap over dialogues. Where all dialogues have the same share, of which
    it would make a point, that of the share is Wilson's over dialogues, and kappa's follows from it.
    """

    pairs: int
    dialogues: int
    raw: float
    raw_low: float
    raw_high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None


@dataclass(frozen=True)
class ShareEstimate:
    """A share with its 95 % interval, from a bootstrap over dialogues; Wilson's where all are the same."""

    share: float
    low: float
    high: float


def agree(labels: Sequence[tuple[str, Winner, Winner]]) -> Agreed | None:
    """How far two agree on pairs, each with its dialogue and the outcome by the one and by the other.

    An invalid outcome of either leaves the pair out; None when none is left. Kappa is Cohen's ("A
    coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960), over
    the three outcomes a, b and tie.
    """
    tables: dict[str, Floats] = defaultdict(lambda: np.zeros((len(_LABELS), len(_LABELS))))
    for dialogue, one, other in labels:
        if one != "invalid" and other != "invalid":
            tables[dialogue][_LABELS[one], _LABELS[other]] += 1
    if not tables:
        return None
    by_dialogue = np.array(list(tables.values()))
    total = by_dialogue.sum(axis=0)
    agreed, counts = np.trace(by_dialogue, axis1=1, axis2=2), by_dialogue.sum(axis=(1, 2))
    raw = share(agreed, counts)
    kappa = _kappa(total)
    kappa_low, kappa_high = None, None
    if kappa is not None and len(set(agreed / counts)) > 1:
        drawn = (
            table
            for weights in bootstrap.weights(len(by_dialogue), _RESAMPLES)
            for table in np.einsum("rd,dij->rij", weights, by_dialogue)
        )
        kappas = [found for table in drawn if (found := _kappa(table)) is not None]
        kappa_low, kappa_high = bootstrap.interval(kappas)
    elif kappa is not None:
        chance = _chance(total)
        kappa_low, kappa_high = (max(-1.0, (end - chance) / (1 - chance)) for end in (raw.low, raw.high))
    return Agreed(
        pairs=int(total.sum()),
        dialogues=len(by_dialogue),
        raw=raw.share,
        raw_low=raw.low,
        raw_high=raw.high,
        kappa=kappa,
        kappa_low=kappa_low,
        kappa_high=kappa_high,
    )


def against_people(found: Sequence[tuple[str, Winner, Winner]]) -> ShareEstimate:
    """The share of pairs, each with its dialogue, the better response by people and the judge's outcome,
    that the judge ranks as people do: a tie is half right, an invalid outcome wrong.

    Raises `ValueError` for no pair.
    """
    if not found:
        raise ValueError("no pairs")
    right: dict[str, list[float]] = defaultdict(list)
    for dialogue, better, said in found:
        right[dialogue].append(1.0 if said == better else 0.5 if said == "tie" else 0.0)
    return share(
        np.array([sum(scores) for scores in right.values()]), np.array([len(s) for s in right.values()])
    )


def share(sums: Floats, counts: Floats) -> ShareEstimate:
    """The share of all pairs, from each dialogue's sum of scores and number of pairs, which is above 0."""
    shares = sums / counts
    if len(set(shares)) < 2:
        low, high, _ = mean_interval(list(shares))
    else:
        low, high = bootstrap.share_interval(sums, counts)
    return ShareEstimate(float(sums.sum() / counts.sum()), low, high)


def _chance(table: Floats) -> float:
    """The share on which two would agree by chance."""
    return float(table.sum(axis=0) @ table.sum(axis=1) / table.sum() ** 2)


def _kappa(table: Floats) -> float | None:
    from statsmodels.stats.inter_rater import cohens_kappa

    return float(cohens_kappa(table, return_results=False)) if _chance(table) < 1 else None
