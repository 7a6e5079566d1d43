"""A ranking of responders from who beat whom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.domain.comparisons import Ranked
from core.domain.verdicts import Winner
from core.judging import bootstrap
from core.judging.statistics import score

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

#: Each costs a fit.
_RESAMPLES = 500
#: Wins that each of two that met is given on top of its own, so that an undefeated one stays finite.
_PRIOR = 0.5
#: A fit ends when the strengths move less than this, on average, in a round: the ranking's, a resample's.
_EXACT, _ROUGH = 1e-8, 1e-3
_ROUNDS = 100


def rank(outcomes: Mapping[tuple[str, str], Mapping[str, Winner]]) -> tuple[tuple[Ranked, ...], int]:
    """The responders by their Bradley–Terry strength, and how many groups there are that never met.

    `outcomes` maps the responders (a, b) of each comparison to the outcome of each dialogue; a tie is half
    a win of each. An invalid outcome says nothing, and who has no other is left out. The strengths of the
    model of Bradley and Terry ("Rank analysis of incomplete block designs", Biometrika 39, 1952) are
    logarithms, 0 on average in a group, fitted by choix's iterative Luce spectral ranking. Each of two that
    met is given half a win more, after Haldane ("The estimation and significance of the logarithm of a ratio
    of frequencies", Annals of Human Genetics 20, 1956).

    The intervals are percentiles of a Bayesian bootstrap: dialogues are weighed at random, alike in all
    comparisons, and so are the half wins, which makes the interval wide, and not a point, where one won
    everything. It is moved so that its median is the strength: few losses make logarithms lopsided. Sorted
    by group, the largest first, and strength.
    """
    names = sorted(
        {name for sides, made in outcomes.items() if _says_something(sides, made) for name in sides}
    )
    first, second, wins_first, wins_second = _wins(outcomes, names)
    found = []
    for members in _groups(first, second, len(names)):
        here = np.isin(first, members)
        places = np.searchsorted(members, first[here]), np.searchsorted(members, second[here])
        ranked = _of_group(*places, wins_first[:, here], wins_second[:, here])
        found.append([(names[member], *figures) for member, figures in zip(members, ranked, strict=True)])
    for entries in found:
        # Rounded, so that equals stand in the order of their names.
        entries.sort(key=lambda entry: (-round(entry[1], 6), entry[0]))
    found.sort(key=lambda entries: (-len(entries), entries[0][0]))
    return (
        tuple(
            Ranked(name, strength, low, high, won, dialogues, group)
            for group, entries in enumerate(found)
            for name, strength, low, high, won, dialogues in entries
        ),
        len(found),
    )


def _says_something(sides: tuple[str, str], made: Mapping[str, Winner]) -> bool:
    return sides[0] != sides[1] and any(winner != "invalid" for winner in made.values())


def _wins(
    outcomes: Mapping[tuple[str, str], Mapping[str, Winner]], names: list[str]
) -> tuple[Places, Places, Floats, Floats]:
    """The places in `names` of each two that met, and what each of both won in each dialogue (a row)."""
    place = {name: i for i, name in enumerate(names)}
    told = {sides: made for sides, made in outcomes.items() if _says_something(sides, made)}
    met = {pair: i for i, pair in enumerate(sorted({(min(sides), max(sides)) for sides in told}))}
    dialogues = {name: i for i, name in enumerate(sorted({name for made in told.values() for name in made}))}
    wins = np.zeros((2, len(dialogues), len(met)))
    for (a, b), made in told.items():
        pair = met[min(a, b), max(a, b)]
        side_b = int(a < b)
        for dialogue, winner in made.items():
            if winner != "invalid":
                wins[side_b, dialogues[dialogue], pair] += score(winner)
                wins[1 - side_b, dialogues[dialogue], pair] += 1 - score(winner)
    first = np.array([place[a] for a, _ in met], dtype=np.intp)
    second = np.array([place[b] for _, b in met], dtype=np.intp)
    return first, second, wins[0], wins[1]


def _groups(first: Places, second: Places, count: int) -> list[Places]:
    """The places of those that are linked by comparisons."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return []
    met = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    groups, labels = connected_components(met, directed=False)
    return [np.flatnonzero(labels == label) for label in range(groups)]


def _of_group(
    first: Places, second: Places, wins_first: Floats, wins_second: Floats
) -> list[tuple[float, float, float, float, int]]:
    """Strength, its interval, wins and dialogues of each; `wins_…` with a row a dialogue."""
    count = int(max(first.max(), second.max())) + 1
    totals = wins_first.sum(axis=0), wins_second.sum(axis=0)
    won = np.bincount(first, totals[0], count) + np.bincount(second, totals[1], count)
    lost = np.bincount(first, totals[1], count) + np.bincount(second, totals[0], count)
    strengths = _fit(first, second, totals[0] + _PRIOR, totals[1] + _PRIOR, count)

    random = bootstrap.generator()
    weights = bootstrap.bayesian_weights(len(wins_first), _RESAMPLES, random)
    extra = random.gamma(_PRIOR, size=(2, _RESAMPLES, len(first)))
    drawn = [
        _fit(first, second, one, other, count, strengths)
        for one, other in zip(weights @ wins_first + extra[0], weights @ wins_second + extra[1], strict=True)
    ]
    low, median, high = np.quantile(drawn, (0.025, 0.5, 0.975), axis=0) - strengths
    low, high = strengths + low - median, strengths + high - median
    return [
        (float(strengths[i]), float(low[i]), float(high[i]), float(won[i]), round(won[i] + lost[i]))
        for i in range(count)
    ]


def _fit(
    first: Places, second: Places, one: Floats, other: Floats, count: int, start: Floats | None = None
) -> Floats:
    """The strengths, from the wins of the first and of the second of each two; roughly, from a `start`."""
    import choix

    table = np.zeros((count, count))
    table[first, second], table[second, first] = one, other
    tolerance = _EXACT if start is None else _ROUGH
    try:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = choix.ilsr_pairwise_dense(
                table, initial_params=start, max_iter=_ROUNDS, tol=tolerance
            )
    except (RuntimeError, ValueError):
        # Odds that multiply along a chain of undefeated ones are more than its matrices can hold.
        return _by_likelihood(first, second, one, other, np.zeros(count) if start is None else start)
    return found


def _by_likelihood(first: Places, second: Places, one: Floats, other: Floats, start: Floats) -> Floats:
    """The strengths of the greatest likelihood, the slow way."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(strengths: Floats) -> tuple[float, Floats]:
        ahead = strengths[first] - strengths[second]
        slope = other * expit(ahead) - one * expit(-ahead)
        gradient = np.zeros(len(start))
        np.add.at(gradient, first, slope)
        np.subtract.at(gradient, second, slope)
        return float((one * np.logaddexp(0, -ahead) + other * np.logaddexp(0, ahead)).sum()), gradient

    found: Floats = minimize(loss, start, jac=True, method="BFGS").x
    centred: Floats = found - found.mean()
    return centred
