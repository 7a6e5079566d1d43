"""One logistic model of all that moves a judge.

logit P(first is named) = position + β tanh((words of first − words of second) / sd) + strength of first −
strength of second. Generalised estimating equations (Liang and Zeger, "Longitudinal data analysis using
generalized linear models", Biometrika 73, 1986) with independent working correlation: the estimates are those
of a logistic regression, and the intervals allow for any dependence of the verdicts on a dialogue. As in
`ranking`, each side of a comparison gets half an extra win, in the orders that were seen, so that strengths
are finite.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.domain.evaluation.bias_models import BiasEffect
from core.domain.evaluation.verdicts import Order, Winner

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

#: Minimum number of dialogues for a fit, beyond one for each parameter.
_MIN_DIALOGUES = 20
_PRIOR = 0.5


class Ruled(NamedTuple):
    """A dialogue of a comparison. Those with identical texts are left out by the caller."""

    dialogue: str
    """Its id."""
    verdicts: Sequence[tuple[Order, Winner]]
    """The verdicts on it, with their orders."""
    words: tuple[int, int] | None
    """The numbers of words of both responses, a's first; None if the texts are not known."""


@dataclass(frozen=True)
class Fitted:
    """The effects, and what they are from."""

    dialogues: int
    """The number of dialogues."""
    needed: int
    """The number of dialogues without which there are no effects."""
    verdicts: int
    """The number of verdicts."""
    effects: tuple[BiasEffect, ...]
    """The effects; empty if they cannot be estimated."""


class _VerdictRow(NamedTuple):
    first: str
    second: str
    longer: float
    named: float
    dialogue: str
    weight: float


def fit(comparisons: Mapping[tuple[str, str], Sequence[Ruled]], *, placed: bool = True) -> Fitted:
    """The model of a judge's comparisons, by the names of (a, b).

    `placed` is whether the order can matter; otherwise the model has no position.
    """
    rows = [row for sides, found in comparisons.items() for row in _rows(sides, found)]
    dialogues = len({row.dialogue for row in rows})
    names = sorted({name for row in rows for name in (row.first, row.second)})
    needed = _MIN_DIALOGUES + len(names)
    if dialogues < needed:
        return Fitted(dialogues, needed, len(rows), ())
    groups = _groups(rows, names)
    spread = float(np.std([row.longer for row in rows]))
    design, contrasts = _design(rows, names, groups, spread)
    if not placed:
        design[:, 0] = 0
    basis = _basis(design)
    quantile = _quantile(dialogues - basis.shape[1])
    extra, of_extra = _half_wins(rows, design)
    estimates, covariance = _solve([*rows, *extra], np.vstack([design, of_extra]), basis)
    # What is not in the span of the design is not determined by the verdicts.
    known = [bool(np.allclose(contrast @ basis @ basis.T, contrast, atol=1e-6)) for contrast in contrasts]
    effects = [
        _effect(contrast, estimates, covariance, quantile, is_known)
        for contrast, is_known in zip(contrasts, known, strict=True)
    ]
    position, length, *strengths = effects
    made = [
        BiasEffect("position", None, *position),
        BiasEffect("length", None, *(length if spread else (None, None, None))),
    ]
    found = [
        BiasEffect("strength", name, value, low, high, groups[name])
        for name, (value, low, high) in zip(names, strengths, strict=True)
    ]
    found.sort(key=lambda one: (one.group, -(one.log_odds or 0.0), one.responder))
    return Fitted(dialogues, needed, len(rows), (*made, *found))


def _rows(sides: tuple[str, str], found: Sequence[Ruled]) -> list[_VerdictRow]:
    a, b = sides
    rows = []
    for ruled in found:
        more = 0 if ruled.words is None else ruled.words[0] - ruled.words[1]
        for order, winner in ruled.verdicts:
            if winner == "invalid":
                continue
            first, second = (a, b) if order == "ab" else (b, a)
            named = 0.5 if winner == "tie" else float(winner == order[0])
            rows.append(
                _VerdictRow(first, second, more if order == "ab" else -more, named, ruled.dialogue, 1.0)
            )
    return rows


def _half_wins(rows: Sequence[_VerdictRow], design: Floats) -> tuple[list[_VerdictRow], Floats]:
    """Half a win more for each side of each comparison, in the orders that were seen, and their design: the
    mean of that of the verdicts, so that they distinguish nothing that these do not."""
    met: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        met[row.first, row.second].append(i)
    # Over both orders together as much as in one.
    weights = {pair: _PRIOR / (2 if pair[::-1] in met else 1) for pair in met}
    made = [
        _VerdictRow(*pair, longer=0.0, named=named, dialogue="\0".join(("", *pair)), weight=weight)
        for pair, weight in weights.items()
        for named in (0.0, 1.0)
    ]
    return made, np.array([design[own].mean(axis=0) for own in met.values() for _ in (0, 1)])


def _groups(rows: Sequence[_VerdictRow], names: Sequence[str]) -> dict[str, int]:
    """The number of each responder's group; larger groups come first."""
    group = {name: {name} for name in names}
    for first, second in {(row.first, row.second) for row in rows}:
        if group[first] is not group[second]:
            group[first] |= group[second]
            for name in group[second]:
                group[name] = group[first]
    sets = sorted({id(own): own for own in group.values()}.values(), key=lambda own: (-len(own), min(own)))
    return {name: number for number, own in enumerate(sets) for name in own}


def _design(
    rows: Sequence[_VerdictRow], names: Sequence[str], groups: Mapping[str, int], spread: float
) -> tuple[Floats, Floats]:
    """A column for each parameter, and what each effect is of them, a row each."""
    place = {name: 2 + i for i, name in enumerate(names)}
    design = np.zeros((len(rows), 2 + len(names)))
    design[:, 0] = 1
    design[:, 1] = np.tanh([row.longer / spread for row in rows]) if spread else 0
    for i, row in enumerate(rows):
        design[i, place[row.first]] += 1
        design[i, place[row.second]] -= 1
    contrasts = np.eye(2 + len(names))
    for name in names:
        own = [place[other] for other in names if groups[other] == groups[name]]
        contrasts[place[name], own] -= 1 / len(own)
    return design, contrasts


def _basis(design: Floats) -> Floats:
    """A basis of what the design spans: strengths have no zero point, so its columns depend on each other."""
    # Of the small product, because the design has a row for each verdict.
    sizes, directions = np.linalg.eigh(design.T @ design)
    return directions[:, sizes > 1e-9 * sizes.max()]


def _solve(rows: Sequence[_VerdictRow], design: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """The parameters and their covariance, both in the span of the design: a minimum-norm solution."""
    from statsmodels.genmod.cov_struct import Independence
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_estimating_equations import GEE

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GEE(
            np.array([row.named for row in rows]),
            design @ basis,
            groups=np.unique([row.dialogue for row in rows], return_inverse=True)[1],
            family=Binomial(),
            cov_struct=Independence(),
            weights=np.array([row.weight for row in rows]),
        )
        # Without a start it would fit a GLM first, which takes several times as long.
        fitted = model.fit(maxiter=100, start_params=np.zeros(basis.shape[1]))
    clusters, parameters = len(model.group_labels), basis.shape[1]
    covariance = fitted.cov_robust * clusters / max(1, clusters - parameters)
    return basis @ fitted.params, basis @ covariance @ basis.T


def _effect(
    contrast: Floats, estimates: Floats, covariance: Floats, quantile: float, is_known: bool
) -> tuple[float, float, float] | tuple[None, None, None]:
    if not is_known:
        return None, None, None
    value = float(contrast @ estimates)
    half_width = quantile * math.sqrt(max(0.0, float(contrast @ covariance @ contrast)))
    return value, value - half_width, value + half_width


def _quantile(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(1, freedom), 0.975))
