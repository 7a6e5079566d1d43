"""Win rates over runs that differ in the seed of their training alone."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.names import ComparisonName


@dataclass(frozen=True)
class SeedGroup:
    """Comparisons of one judge whose runs differ in their seeds alone: mean and spread of their win rates.

    The metrics cover the finished comparisons, and are None without one that has a valid dialogue. Intervals
    are 95 % ones; rates lie between 0 and 1.
    """

    a: str
    """The baseline; of a run, its name without the seed."""
    b: str
    """The run whose win rates these are, without its seed."""
    judge: str
    """The judge."""
    comparisons: tuple[str, ...]
    """The names of all its comparisons, finished or not."""
    n: int
    """Finished comparisons: one a seed."""
    mean: float | None
    """Mean of their win rates."""
    sd: float | None
    """Standard deviation of their win rates, with n − 1; None of a single one."""
    min: float | None
    """The lowest of their win rates."""
    max: float | None
    """The highest of their win rates."""
    seeds_low: float | None
    """Lower end of Student's interval of the mean over seeds: it covers what other seeds of training would
    change on these test dialogues, and nothing else. None where all seeds have the same win rate."""
    seeds_high: float | None
    """Upper end of that interval."""
    low: float | None
    """Lower end of the interval of the mean over seeds and dialogues: it covers other seeds and other test
    dialogues, from a two-way table with both random. The judge's own error is in neither."""
    high: float | None
    """Upper end of that interval."""
    dialogues: int | None
    """Dialogues that are valid in all of them, on which the last interval rests."""

    @property
    def name(self) -> ComparisonName:
        """What its comparisons are named without seeds."""
        return ComparisonName(self.a, self.b, self.judge)
