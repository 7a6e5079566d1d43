"""The one bootstrap of this package: dialogues are resampled, and with each one all that was said about it.

Verdicts on one dialogue are not independent draws, so what is drawn is always whole dialogues. A resample is
a row of weights, one a dialogue. The draws are the same for the same number of dialogues.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int_]

#: Resamples where a statistic costs next to nothing.
RESAMPLES = 10_000
#: Resamples whose weights are held in memory at once.
_BATCH = 500
#: The ends of a 95 % interval.
_ENDS = (0.025, 0.975)


def generator() -> np.random.Generator:
    """The source of the draws, always from the same seed."""
    import numpy as np

    return np.random.default_rng(0)


def weights(dialogues: int, resamples: int) -> Iterator[Counts]:
    """How often each dialogue is drawn in each resample, a row a resample, some rows at a time."""
    random = generator()
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        yield random.multinomial(dialogues, [1 / dialogues] * dialogues, size=size)


def bayesian_weights(dialogues: int, resamples: int, random: np.random.Generator) -> Floats:
    """The weights of a Bayesian bootstrap, a row a resample.

    No dialogue is ever left out, for statistics that are infinite without some. After Rubin, "The Bayesian
    bootstrap", Annals of Statistics 9, 1981.
    """
    return random.exponential(size=(resamples, dialogues))


def interval(estimates: Floats | list[float]) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic's value in each resample."""
    import numpy as np

    low, high = np.quantile(estimates, _ENDS)
    return float(low), float(high)


def share_interval(sums: Floats, counts: Floats, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of sum(sums) / sum(counts), which has a value of both for each dialogue.

    `counts` are above 0.
    """
    import numpy as np

    shares = [(drawn @ sums) / (drawn @ counts) for drawn in weights(len(sums), resamples)]
    return interval(np.concatenate(shares))
