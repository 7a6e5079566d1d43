"""How far two that judge the same pairs agree, and how far a judge agrees with people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.pipeline.journal import Winner

Floats = NDArray[np.float64]

_RESAMPLES = 2_000
_LABELS: dict[Winner, int] = {"a": 0, "b": 1, "tie": 2}


@dataclass(frozen=True)
class Agreed:
    """Over `pairs` of `dialogues`: the share with the same outcome, and Cohen's kappa.

    Kappa, and its interval, is None where chance alone would have the two agree on everything. The 95 %
    intervals are percentiles of a bootstrap over dialogues.
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
class Share:
    """A share with its 95 % interval, from a bootstrap over dialogues."""

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
    drawn = np.einsum("rd,dij->rij", _draws(len(by_dialogue)), by_dialogue)
    raw = np.trace(drawn, axis1=1, axis2=2) / drawn.sum(axis=(1, 2))
    raw_low, raw_high = np.quantile(raw, (0.025, 0.975))
    kappa = _kappa(total)
    kappas = [found for table in drawn if (found := _kappa(table)) is not None]
    low, high = np.quantile(kappas, (0.025, 0.975)) if kappa is not None and kappas else (None, None)
    return Agreed(
        pairs=int(total.sum()),
        dialogues=len(by_dialogue),
        raw=float(np.trace(total) / total.sum()),
        raw_low=float(raw_low),
        raw_high=float(raw_high),
        kappa=kappa,
        kappa_low=None if low is None else float(low),
        kappa_high=None if high is None else float(high),
    )


def against_people(found: Sequence[tuple[str, Winner, Winner]]) -> Share:
    """The share of pairs, each with its dialogue, the better response by people and the judge's outcome,
    that the judge ranks as people do: a tie is half right, an invalid outcome wrong.

    Raises `ValueError` for no pair.
    """
    if not found:
        raise ValueError("no pairs")
    right: dict[str, list[float]] = defaultdict(list)
    for dialogue, better, said in found:
        right[dialogue].append(1.0 if said == better else 0.5 if said == "tie" else 0.0)
    sums = np.array([sum(scores) for scores in right.values()])
    counts = np.array([len(scores) for scores in right.values()])
    weights = _draws(len(sums))
    low, high = np.quantile((weights @ sums) / (weights @ counts), (0.025, 0.975))
    return Share(float(sums.sum() / counts.sum()), float(low), float(high))


def _draws(dialogues: int) -> NDArray[np.int_]:
    """How often each dialogue is drawn in each resample, the same for the same number of dialogues."""
    return np.random.default_rng(0).multinomial(dialogues, [1 / dialogues] * dialogues, size=_RESAMPLES)


def _kappa(table: Floats) -> float | None:
    from statsmodels.stats.inter_rater import cohens_kappa

    if np.count_nonzero(table.sum(axis=0)) < 2 and np.count_nonzero(table.sum(axis=1)) < 2:
        return None
    return float(cohens_kappa(table, return_results=False))
