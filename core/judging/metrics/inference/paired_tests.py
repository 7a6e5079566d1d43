"""Paired tests: whether the win rates of two responders over the same third one differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from core.domain.evaluation.comparisons import PairedTest
from core.judging.metrics.inference import statistics
from core.judging.metrics.scores import Scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.judging.metrics.inference.intervals import Floats


def of_baseline(judge: str, baseline: str, met: Mapping[str, Scores]) -> list[PairedTest]:
    """The tests of any two responders that met the baseline, over the dialogues with a score of both.

    `met` has each responder's scores against the baseline. Two without a dialogue in common have no test.
    Holm's correction is over all of these tests.
    """
    import numpy as np

    dialogues = list(dict.fromkeys(name for made in met.values() for name in made))
    scores = np.array([[made.get(name) for name in dialogues] for made in met.values()], dtype=np.float64)
    found = [test for first in range(len(met)) for test in _tests(judge, baseline, met, scores, first)]
    corrected = statistics.holm([test.p for test in found])
    return [replace(test, p_holm=p) for test, p in zip(found, corrected, strict=True)]


def _tests(
    judge: str, baseline: str, met: Mapping[str, Scores], scores: Floats, first: int
) -> Iterator[PairedTest]:
    """The tests of one responder with each after it, not corrected yet.

    `scores` has a row a responder, and NaN where there is no score.
    """
    import numpy as np

    a, *others = list(met)[first:]
    more = scores[first + 1 :] - scores[first]
    missing = np.isnan(more)
    n = more.shape[1] - missing.sum(axis=1)
    more[missing] = 0.0
    better_a, better_b = (more < -1e-9).sum(axis=1).tolist(), (more > 1e-9).sum(axis=1).tolist()
    differences = more.sum(axis=1) / np.maximum(n, 1)
    squares = (((more - differences[:, np.newaxis]) * ~missing) ** 2).sum(axis=1)
    low, high = _mean_of_differences(differences, squares, n)
    ps = statistics.sign_flip_tests(more)
    for i, b in enumerate(others):
        if n[i]:
            yield PairedTest(
                judge=judge,
                baseline=baseline,
                a=a,
                b=b,
                n=int(n[i]),
                unjudged=len(met[a].keys() ^ met[b].keys()),
                better_a=better_a[i],
                better_b=better_b[i],
                difference=float(differences[i]),
                low=float(low[i]),
                high=float(high[i]),
                p=ps[i],
                p_holm=ps[i],
            )


def _mean_of_differences(means: Floats, squares: Floats, n: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Student's intervals of the means of `n` differences from −1 to 1, each with its sum of squares around
    the mean; all that is possible for fewer than two."""
    import numpy as np
    from scipy.special import stdtrit

    freedom = np.maximum(n - 1, 1)
    half_width = np.where(n < 2, 2.0, stdtrit(freedom, 0.975) * np.sqrt(squares / freedom / np.maximum(n, 1)))
    return np.maximum(-1.0, means - half_width), np.minimum(1.0, means + half_width)
