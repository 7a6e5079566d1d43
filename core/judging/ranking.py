"""A ranking of responders from who beat whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.comparison_views import Ranked
from core.judging.statistics import score
from core.pipeline.journal import Winner

Floats = NDArray[np.float64]

_RESAMPLES = 500
#: choix's regularisation: small enough to leave the estimates alone, and an undefeated responder finite.
_ALPHA = 0.01


def rank(outcomes: Mapping[tuple[str, str], Mapping[str, Winner]]) -> tuple[tuple[Ranked, ...], int]:
    """The responders by their Bradley–Terry strength, and how many groups there are that never met.

    `outcomes` maps the responders (a, b) of each comparison to the outcome of each dialogue; a tie is half
    a win of each, an invalid outcome says nothing. The strengths of the model of Bradley and Terry ("Rank
    analysis of incomplete block designs", Biometrika 39, 1952) are logarithms, 0 on average in a group;
    the fit is choix's iterative Luce spectral ranking. The intervals are percentiles of a bootstrap that
    draws dialogues, the same ones for all comparisons. Sorted by group, the largest first, and strength.
    """
    names = sorted({name for sides in outcomes for name in sides})
    wins = _wins(outcomes, names)
    found = [
        _of_group(wins[:, :, members][:, members], [names[i] for i in members]) for members in _groups(wins)
    ]
    found.sort(key=lambda entries: (-len(entries), entries[0][0]))
    return (
        tuple(
            Ranked(name, strength, low, high, won, dialogues, group)
            for group, entries in enumerate(found)
            for name, strength, low, high, won, dialogues in entries
        ),
        len(found),
    )


def _wins(outcomes: Mapping[tuple[str, str], Mapping[str, Winner]], names: Sequence[str]) -> Floats:
    """Wins of one responder (row) over another (column) in each dialogue (first axis)."""
    place = {name: i for i, name in enumerate(names)}
    dialogues = {
        name: i for i, name in enumerate(dict.fromkeys(d for made in outcomes.values() for d in made))
    }
    wins = np.zeros((len(dialogues), len(names), len(names)))
    for (a, b), made in outcomes.items():
        if a == b:
            continue
        for dialogue, winner in made.items():
            if winner != "invalid":
                won = score(winner)
                wins[dialogues[dialogue], place[b], place[a]] += won
                wins[dialogues[dialogue], place[a], place[b]] += 1 - won
    return wins


def _groups(wins: Floats) -> list[NDArray[np.int_]]:
    """The indices of those that are linked by comparisons, those of nobody but themselves left out."""
    from scipy.sparse.csgraph import connected_components

    met = wins.sum(axis=0)
    _, labels = connected_components(met + met.T > 0, directed=False)
    return [members for label in np.unique(labels) if len(members := np.flatnonzero(labels == label)) > 1]


def _of_group(wins: Floats, names: Sequence[str]) -> list[tuple[str, float, float, float, float, int]]:
    import choix

    dialogues, count = wins.shape[:2]
    total = wins.sum(axis=0)
    strengths = choix.ilsr_pairwise_dense(total, alpha=_ALPHA)
    flat = wins.reshape(dialogues, -1)
    weights = np.random.default_rng(0).multinomial(dialogues, [1 / dialogues] * dialogues, size=_RESAMPLES)
    drawn = np.array(
        [
            choix.ilsr_pairwise_dense(
                resample.reshape(count, count), alpha=_ALPHA, initial_params=strengths, tol=1e-4
            )
            for resample in weights @ flat
        ]
    )
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    judged = (total + total.T).sum(axis=1)
    found = [
        (name, float(strengths[i]), float(low[i]), float(high[i]), float(total[i].sum()), round(judged[i]))
        for i, name in enumerate(names)
    ]
    return sorted(found, key=lambda entry: (-entry[1], entry[0]))
