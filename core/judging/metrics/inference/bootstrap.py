"""Cluster bootstrap over dialogues: each dialogue is resampled with all its verdicts.

Verdicts on one dialogue are not independent, so whole dialogues are drawn. A resample is a row of weights,
one for each dialogue. The draws are the same for the same number of dialogues.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.judging.metrics.inference.intervals import Floats

    Counts = NDArray[np.int_]

#: Number of resamples for statistics that are cheap to compute.
RESAMPLES = 10_000
#: Number of resamples whose weights are in memory at the same time.
_BATCH = 500
#: The ends of a 95 % interval.
_ENDS = (0.025, 0.975)


def generator() -> np.random.Generator:
    """The random generator, with a fixed seed."""
    import numpy as np

    return np.random.default_rng(0)


def weights(dialogues: int, resamples: int) -> Iterator[Counts]:
    """How often each dialogue is drawn, one row for each resample, in batches of rows."""
    random = generator()
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        yield random.multinomial(dialogues, [1 / dialogues] * dialogues, size=size)


def bayesian_weights(dialogues: int, resamples: int, random: np.random.Generator) -> Floats:
    """The weights of a Bayesian bootstrap (Rubin, Annals of Statistics 9, 1981), one row for each resample.

    All weights are positive, for statistics that would be infinite without some of the dialogues.
    """
    return random.exponential(size=(resamples, dialogues))


def interval(estimates: Floats | list[float]) -> tuple[float, float]:
    """The 95 % percentile interval from a statistic's values in the resamples."""
    import numpy as np

    low, high = np.quantile(estimates, _ENDS)
    return float(low), float(high)


def share_interval(sums: Floats, counts: Floats, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of sum(sums) / sum(counts); both arrays have one value for each dialogue.

    `counts` must be positive.
    """
    import numpy as np

    shares = [(drawn @ sums) / (drawn @ counts) for drawn in weights(len(sums), resamples)]
    return interval(np.concatenate(shares))
