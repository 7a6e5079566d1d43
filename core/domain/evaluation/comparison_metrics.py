"""The metrics of a comparison."""

from __future__ import annotations

import msgspec

from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.verdicts import Dimension
from core.domain.value_types import Count, Share


class ComparisonMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison measures: `a` is the baseline, `b` the other responder.

    A metric is None where it does not apply, and all of them are until every verdict is in. Rates and shares
    lie between 0 and 1; intervals are 95 % ones.
    """

    n: Count | None = None
    """Dialogues compared, invalid ones included."""
    wins_a: Count | None = None
    """Dialogues in which a scored higher: b's score, the mean over repeats and then over orders, is below
    ½."""
    wins_b: Count | None = None
    """Dialogues in which b scored higher."""
    ties: Count | None = None
    """Dialogues in which both scored ½."""
    invalid: Count | None = None
    """Dialogues with an order without a valid verdict; they are missing from every statistic."""
    win_rate_b: Share | None = None
    """Mean score of b over the valid dialogues: (wins of b + half the ties) / (n − invalid) where each is
    won, tied or lost outright; None when none is valid."""
    ci_low: Share | None = None
    """Lower end of the win rate's interval; None with the win rate."""
    ci_high: Share | None = None
    """Upper end of the win rate's interval; None with the win rate."""
    interval: str | None = None
    """How the interval was found, in words; None with the win rate."""
    min_win_rate_b: Share | None = None
    """The win rate if a had won every invalid dialogue; None where none is invalid."""
    max_win_rate_b: Share | None = None
    """The win rate if b had won every invalid dialogue; None where none is invalid."""
    bounds_low: Share | None = None
    """Lower end of the Imbens–Manski interval around these bounds; None where none is invalid."""
    bounds_high: Share | None = None
    """Upper end of that interval; None where none is invalid."""
    bootstrap_low: Share | None = None
    """Lower end of the bootstrap's interval; None where each dialogue was judged once."""
    bootstrap_high: Share | None = None
    """Upper end of the bootstrap's interval; None where each dialogue was judged once."""
    p: Share | None = None
    """Two-sided p-value of a win rate of ½; 1 without a win and a loss."""
    test: str | None = None
    """The test that p is from: `exact sign test`, or `sign-flip permutation test` where dialogues score
    fractions."""
    lc_win_rate_b: Share | None = None
    """Length-controlled win rate of b; None where it cannot be estimated."""
    lc_low: Share | None = None
    """Lower end of its interval; None with it."""
    lc_high: Share | None = None
    """Upper end of its interval; None with it."""
    lc_difference_low: float | None = None
    """Lower end of the interval of its difference from the raw win rate; None with it."""
    lc_difference_high: float | None = None
    """Upper end of that interval; None with it."""
    lc_differs: bool | None = None
    """Whether it parts from the raw win rate; None with it."""
    lc_overlap: Share | None = None
    """Share of dialogues in which the response that is mostly longer is not; None with it."""
    probability_win_rate_b: Share | None = None
    """Win rate by the log-probabilities of the judge's answers; None unless every valid dialogue has some."""
    probability_low: float | None = None
    """Lower end of its interval; None with it."""
    probability_high: float | None = None
    """Upper end of its interval; None with it."""
    words_a: float | None = None
    """Mean words of a's responses."""
    words_b: float | None = None
    """Mean words of b's responses."""
    over_limit_a: Share | None = None
    """Share of a's responses with more words than the prompt allows."""
    over_limit_b: Share | None = None
    """The same of b's."""
    identical: Count | None = None
    """Dialogues whose two responses are the same text: ties, about which nobody was asked."""
    empty_a: Count | None = None
    """Responses of a without a word."""
    empty_b: Count | None = None
    """Responses of b without a word."""
    addressing_a: Count | None = None
    """Responses of a with words that may be meant for the judge."""
    addressing_b: Count | None = None
    """The same of b's."""
    prefers_first: Share | None = None
    """Share of `placed` that name the response shown first; None when there is none."""
    prefers_first_low: Share | None = None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_first_high: Share | None = None
    """Upper end of its interval; None with it."""
    flip_rate: Share | None = None
    """How often a verdict in one order and one in the other disagree, over `paired`; None when there is
    none."""
    flip_rate_low: Share | None = None
    """Lower end of its interval; None with it."""
    flip_rate_high: Share | None = None
    """Upper end of its interval; None with it."""
    prefers_longer: Share | None = None
    """Share of `lengths` that name the response with more words; None when there is none."""
    prefers_longer_low: Share | None = None
    """Lower end of its interval, clustered by dialogue; None with it."""
    prefers_longer_high: Share | None = None
    """Upper end of its interval; None with it."""
    design: str | None = None
    """What the judge was shown of each pair, in words."""
    label: str | None = None
    """The judge's measured agreement with people, in words: in a result that of an embedded judge, in a win
    rate also that of a validation."""
    left_out: Count | None = None
    """Test dialogues that were not compared, because a responder has no usable response to them."""
    stopping: Stopping | None = None
    """How far it was judged, if its judge stops once it is decided; None where every dialogue is judged."""
    dimensions: dict[Dimension, DimensionRate] | None = None
    """The win rate in each dimension of empathy; empty unless the judge reports them."""
