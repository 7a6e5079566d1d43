"""The win rate of one comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.domain.names import ComparisonName
from core.domain.states import JobState

if TYPE_CHECKING:
    from core.domain.evaluation.dimension_rates import DimensionRate
    from core.domain.evaluation.stopping import Stopping
    from core.domain.evaluation.verdicts import Dimension


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
    def are_mostly_same(self) -> bool:
        """Whether they give the same answer to at least half of the dialogues, which needs a warning."""
        return 2 * self.same >= self.dialogues


@dataclass(frozen=True)
class WinRate:
    """One comparison, with its metrics once every verdict is in.

    A metric is None until then, and where it does not apply. Rates and shares are from 0 to 1, the ends of
    intervals of 95 %. The metrics have the names that they have in `CompareResult`, which a worker writes;
    here they may be unknown, and are beside what only the workspace knows, such as `p_holm`.
    """

    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate it is."""
    judge: str
    """What picked the better one of two responses."""
    n: int | None
    """All dialogues compared, invalid ones included."""
    wins_a: int | None
    """Dialogues in which a scored higher."""
    wins_b: int | None
    """Dialogues in which b scored higher."""
    ties: int | None
    """Dialogues in which both scored ½, such as those in which the two orders disagree."""
    invalid: int | None
    """Dialogues with an order without a valid verdict; they are missing from every statistic."""
    win_rate_b: float | None
    """Mean score of b over the valid dialogues: (wins of b + half the ties) / (n − invalid) where each is
    won, tied or lost outright; None too where none is valid."""
    ci_low: float | None
    """The lower end of the win rate's interval."""
    ci_high: float | None
    """The upper end of the win rate's interval."""
    interval: str | None
    """How the interval was found, such as `Wilson 95 %, effective sample size`."""
    label: str | None
    """The judge's measured agreement with people, in words."""
    job: str
    """The id of the compare job."""
    state: JobState
    """How that job stands."""
    fingerprint: str = ""
    """The fingerprint of that job."""
    design: str | None = None
    """What the judge was shown of each pair, in words."""
    bootstrap_low: float | None = None
    """The lower end of the bootstrap's interval; None where each dialogue was judged once."""
    bootstrap_high: float | None = None
    """The upper end of the bootstrap's interval; None where each dialogue was judged once."""
    min_win_rate_b: float | None = None
    """The win rate if a had won every invalid dialogue; None where none is invalid."""
    max_win_rate_b: float | None = None
    """The win rate if b had won every invalid dialogue; None where none is invalid."""
    bounds_low: float | None = None
    """The lower end of the Imbens–Manski interval around these bounds; None where none is invalid."""
    bounds_high: float | None = None
    """The upper end of that interval; None where none is invalid."""
    p: float | None = None
    """The two-sided p of a win rate of ½."""
    test: str | None = None
    """The test that p is from: `exact sign test`, or `sign-flip permutation test` where dialogues score
    fractions."""
    p_holm: float | None = None
    """That p after Holm's correction over the judge's comparisons."""
    lc_win_rate_b: float | None = None
    """The length-controlled win rate of b; None too where there is too little to fit it."""
    lc_low: float | None = None
    """The lower end of its interval."""
    lc_high: float | None = None
    """The upper end of its interval."""
    lc_difference_low: float | None = None
    """The lower end of the interval of its difference from the raw win rate."""
    lc_difference_high: float | None = None
    """The upper end of that interval."""
    lc_parted: bool | None = None
    """Whether it differs from the raw win rate by more than chance explains."""
    lc_overlap: float | None = None
    """The share of dialogues in which the response that is mostly longer is not longer: the smaller it is,
    the more the length-controlled win rate is extrapolated."""
    soft_win_rate_b: float | None = None
    """The win rate by the log-probabilities of the judge's answers; None where they are not known."""
    soft_low: float | None = None
    """The lower end of its interval."""
    soft_high: float | None = None
    """The upper end of its interval."""
    words_a: float | None = None
    """Mean words of a's responses."""
    words_b: float | None = None
    """Mean words of b's responses."""
    over_limit_a: float | None = None
    """The share of a's responses with more words than the prompt allows."""
    over_limit_b: float | None = None
    """The share of b's responses with more words than the prompt allows."""
    identical: int | None = None
    """Pairs with the same text twice, which are ties without a verdict."""
    empty_a: int | None = None
    """Responses of a without a word; they are judged as they are."""
    empty_b: int | None = None
    """Responses of b without a word; they are judged as they are."""
    addressing_a: int | None = None
    """Responses of a with words that may be meant for the judge; they are judged as they are."""
    addressing_b: int | None = None
    """Responses of b with words that may be meant for the judge; they are judged as they are."""
    prefers_first: float | None = None
    """The share of verdicts with a winner that name the response shown first."""
    prefers_first_low: float | None = None
    """The lower end of its interval, clustered by dialogue."""
    prefers_first_high: float | None = None
    """The upper end of its interval."""
    prefers_longer: float | None = None
    """The share of verdicts with a winner and two lengths that name the longer response."""
    prefers_longer_low: float | None = None
    """The lower end of its interval, clustered by dialogue."""
    prefers_longer_high: float | None = None
    """The upper end of its interval."""
    flip_rate: float | None = None
    """How often a verdict in one order and one in the other disagree, over pairs of different texts."""
    flip_rate_low: float | None = None
    """The lower end of its interval."""
    flip_rate_high: float | None = None
    """The upper end of its interval."""
    left_out: int | None = None
    """Test dialogues that were not compared, because a responder has no usable response to them."""
    stopping: Stopping | None = None
    """How far it was judged, if its judge stops once it is decided; None where every dialogue is judged."""
    # Not hashed, because a mapping has no hash.
    dimensions: Mapping[Dimension, DimensionRate] | None = field(default=None, hash=False)
    """The win rate in each dimension of empathy; empty unless the judge reports them."""

    decision: Decision | None = None
    """Whether the interval (with invalid dialogues the Imbens–Manski interval) lies above one half: b leads;
    below: it loses to a; or across it."""
    more_dialogues: int | None = None
    """Further test dialogues that would decide it with a power of 80 %, if the win rate stays as it is; None
    where it is decided, and where no number would."""
    same_as_b: tuple[SameAnswers, ...] = ()
    """Other responders that give some of b's answers, each of which is `a` in it: the ten with the largest
    share, the largest first."""

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
