"""A ranking of responders with the Bradley–Terry model, from the scores of comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.evaluation.comparisons import Ranked
from core.judging.metrics.inference import bootstrap
from core.judging.metrics.scores import Scores

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

Indices = NDArray[np.intp]

#: Each resample needs one fit.
_RESAMPLES = 500
#: Wins added to each side of each comparison, so that the strength of an undefeated responder is finite.
_PRIOR = 0.5
#: A fit ends when the mean change of the strengths in a round is below this: for the ranking, for a resample.
_EXACT, _ROUGH = 1e-8, 1e-3
_ROUNDS = 100


def rank(scores: Mapping[tuple[str, str], Scores]) -> tuple[tuple[Ranked, ...], int]:
    """The responders by Bradley–Terry strength, and the number of groups that no comparison connects.

    `scores` maps the responders (a, b) of each comparison to b's score on each dialogue, which is the part
    of a win that b gets, and the rest is a's. Invalid dialogues are ignored; a responder without a valid one
    is left out. Strengths
    are on a log scale with mean 0 in each group (Bradley and Terry, "Rank analysis of incomplete block
    designs", Biometrika 39, 1952), fitted with choix's iterative Luce spectral ranking. Each side of a
    comparison gets half an extra win (Haldane, "The estimation and significance of the logarithm of a ratio
    of frequencies", Annals of Human Genetics 20, 1956).

    The intervals are percentiles of a Bayesian bootstrap. It weights dialogues at random, with the same
    weights in all comparisons. The extra half wins are weighted too, so that the interval has a width where
    one responder won everything. The interval is shifted so that its median is the strength, because few
    losses skew the logarithm. Sorted by group, the largest first, then by strength.
    """
    names = sorted({name for sides, made in scores.items() if _has_score(sides, made) for name in sides})
    first, second, wins_first, wins_second = _wins(scores, names)
    found = []
    for members in _groups(first, second, len(names)):
        here = np.isin(first, members)
        places = np.searchsorted(members, first[here]), np.searchsorted(members, second[here])
        ranked = _of_group(*places, wins_first[:, here], wins_second[:, here])
        found.append([(names[member], *values) for member, values in zip(members, ranked, strict=True)])
    for entries in found:
        # Rounded, so that equal strengths are sorted by name.
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


def _has_score(sides: tuple[str, str], made: Scores) -> bool:
    return sides[0] != sides[1] and any(score is not None for score in made.values())


def _wins(
    scores: Mapping[tuple[str, str], Scores], names: list[str]
) -> tuple[Indices, Indices, Floats, Floats]:
    """The indices in `names` of each compared pair, and the wins of both sides in each dialogue (a row)."""
    place = {name: i for i, name in enumerate(names)}
    decided = {sides: made for sides, made in scores.items() if _has_score(sides, made)}
    met = {pair: i for i, pair in enumerate(sorted({(min(sides), max(sides)) for sides in decided}))}
    dialogues = {
        name: i for i, name in enumerate(sorted({name for made in decided.values() for name in made}))
    }
    wins = np.zeros((2, len(dialogues), len(met)))
    for (a, b), made in decided.items():
        pair = met[min(a, b), max(a, b)]
        side_b = int(a < b)
        for dialogue, score in made.items():
            if score is not None:
                wins[side_b, dialogues[dialogue], pair] += score
                wins[1 - side_b, dialogues[dialogue], pair] += 1 - score
    first = np.array([place[a] for a, _ in met], dtype=np.intp)
    second = np.array([place[b] for _, b in met], dtype=np.intp)
    return first, second, wins[0], wins[1]


def _groups(first: Indices, second: Indices, count: int) -> list[Indices]:
    """The indices of the responders in each group connected by comparisons."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return []
    met = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    groups, labels = connected_components(met, directed=False)
    return [np.flatnonzero(labels == label) for label in range(groups)]


def _of_group(
    first: Indices, second: Indices, wins_first: Floats, wins_second: Floats
) -> list[tuple[float, float, float, float, int]]:
    """Strength, its interval, wins and dialogues of each responder; `wins_…` have one row a dialogue."""
    count = int(max(first.max(), second.max())) + 1
    totals = wins_first.sum(axis=0), wins_second.sum(axis=0)
    won = np.bincount(first, totals[0], count) + np.bincount(second, totals[1], count)
    lost = np.bincount(first, totals[1], count) + np.bincount(second, totals[0], count)
    strengths = _fit(first, second, totals[0] + _PRIOR, totals[1] + _PRIOR, count)

    random = bootstrap.generator()
    weights = bootstrap.bayesian_weights(len(wins_first), _RESAMPLES, random)
    extra = random.gamma(_PRIOR, size=(2, _RESAMPLES, len(first)))
    ones, others = weights @ wins_first + extra[0], weights @ wins_second + extra[1]
    drawn: Floats | list[Floats]
    if len(first) == count - 1:
        drawn = _of_tree(first, second, ones, others, count)
    else:
        resamples = zip(ones, others, strict=True)
        drawn = [_fit(first, second, one, other, count, strengths) for one, other in resamples]
    low, median, high = np.quantile(drawn, (0.025, 0.5, 0.975), axis=0) - strengths
    low, high = strengths + low - median, strengths + high - median
    return [
        (float(strengths[i]), float(low[i]), float(high[i]), float(won[i]), round(won[i] + lost[i]))
        for i in range(count)
    ]


def _of_tree(first: Indices, second: Indices, ones: Floats, others: Floats, count: int) -> Floats:
    """The strengths where one chain of comparisons connects each two responders, such as all with one
    baseline; a row of `ones` and `others` are the wins of both sides of each pair in one resample.

    The likelihood is then largest where each pair's difference is the logarithm of its own odds.
    """
    met: list[list[tuple[int, int, int]]] = [[] for _ in range(count)]
    for pair, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        met[a].append((b, pair, 1))
        met[b].append((a, pair, -1))
    # Wins of next to nothing are possible, and have a logarithm.
    tiny = np.finfo(np.float64).tiny
    ahead = np.log(np.maximum(others, tiny)) - np.log(np.maximum(ones, tiny))
    found = np.zeros((len(ones), count))
    queue, seen = [0], {0}
    while queue:
        here = queue.pop()
        for other, pair, sign in met[here]:
            if other not in seen:
                found[:, other] = found[:, here] + sign * ahead[:, pair]
                seen.add(other)
                queue.append(other)
    centred: Floats = found - found.mean(axis=1, keepdims=True)
    return centred


def _fit(
    first: Indices, second: Indices, one: Floats, other: Floats, count: int, start: Floats | None = None
) -> Floats:
    """The strengths, from the wins of both sides of each pair; less exact if there is a `start`."""
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
        # Odds multiply along a chain of undefeated responders, and overflow in choix's matrices.
        return _by_likelihood(first, second, one, other, np.zeros(count) if start is None else start)
    return found


def _by_likelihood(first: Indices, second: Indices, one: Floats, other: Floats, start: Floats) -> Floats:
    """The strengths of maximum likelihood, with a slower general optimiser."""
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
