"""The win rate of one comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.domain.evaluation.comparison_metrics import ComparisonMetrics
from core.domain.names import ComparisonName
from core.domain.states import JobState

#: The level of tests and of intervals: this share of them errs where nothing differs.
ALPHA = 0.05
#: With a smaller overlap of the lengths than this, a length-controlled win rate is extrapolated.
_LITTLE_OVERLAP = 0.1

#: Whether the interval of b's win rate lies above one half, below it, or across it.
Decision = Literal["leads", "loses", "undecided"]


@dataclass(frozen=True)
class SameAnswers:
    """Two responders that give the same answers to some test dialogues, word for word."""

    a: str
    """One of them."""
    b: str
    """The other."""
    same: int
    """Dialogues to which both give the same answer."""
    dialogues: int
    """Dialogues that both answer."""

    @property
    def share(self) -> float:
        """The share of the dialogues to which both give the same answer."""
        return self.same / self.dialogues

    @property
    def are_mostly_same(self) -> bool:
        """Whether they give the same answer to at least half of the dialogues, which needs a warning."""
        return self.share >= 0.5


class WinRate(ComparisonMetrics, frozen=True):
    """One comparison: its metrics, beside what only the workspace knows, such as `p_holm`."""

    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate it is."""
    judge: str
    """What picked the better one of two responses."""
    job: str
    """The id of the compare job."""
    state: JobState
    """How that job stands."""
    fingerprint: str = ""
    """The fingerprint of that job."""
    p_holm: float | None = None
    """The metric `p` after Holm's correction over the judge's comparisons; None where there is no `p`."""
    decision: Decision | None = None
    """Whether the interval (with invalid dialogues the Imbens–Manski interval) lies above one half: b leads;
    below: it loses to a; or across it. None without an interval."""
    more_dialogues: int | None = None
    """Further test dialogues that would decide it with a power of 80 %, if the win rate stays as it is; None
    where it is decided, and where no number would."""
    same_as_b: tuple[SameAnswers, ...] = ()
    """Other responders that give some of b's answers, each of which is `a` in it: the ten with the largest
    share, the largest first."""

    def __hash__(self) -> int:
        # Of all fields it could not be, because a mapping has no hash.
        return hash((self.job, self.fingerprint, self.state))

    @property
    def unjudged(self) -> int:
        """Dialogues without a verdict, because it was decided before: they are missing, not invalid."""
        return 0 if self.stopping is None or self.n is None else self.stopping.dialogues - self.n

    @property
    def is_extrapolated(self) -> bool:
        """Whether the length-controlled win rate comes from few dialogues, which needs a warning."""
        return self.lc_overlap is not None and self.lc_overlap < _LITTLE_OVERLAP

    @property
    def name(self) -> ComparisonName:
        """The name of the comparison."""
        return ComparisonName(self.a, self.b, self.judge)


def judge_labels(rates: Iterable[WinRate]) -> dict[str, str]:
    """Judge → one line on its agreement with people, of those where it is known."""
    found: dict[str, str] = {}
    for rate in rates:
        if rate.label:
            found.setdefault(rate.judge, rate.label)
    return found
