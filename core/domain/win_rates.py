"""The win rate of one comparison."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.jobs import JobState
from core.domain.names import ComparisonName


@dataclass(frozen=True)
class WinRate:
    """One comparison, with its metrics once every verdict is in.

    A metric is None until then, and where it does not apply. Rates and shares are from 0 to 1, the ends of
    intervals of 95 %.
    """

    a: str
    """The responder that is the baseline."""
    b: str
    """The responder whose win rate it is."""
    judge: str
    """What picked the better one of two responses."""
    n: int | None
    """All dialogues compared, those without a valid outcome included."""
    wins_a: int | None
    """Dialogues that a won."""
    wins_b: int | None
    """Dialogues that b won."""
    ties: int | None
    """Dialogues that neither won, orders that disagree included."""
    invalid: int | None
    """Dialogues without a valid outcome, which are nobody's wins."""
    win_rate_b: float | None
    """(wins of b + half the ties) / n; None too where no dialogue has a valid outcome."""
    ci_low: float | None
    """The lower end of the win rate's interval."""
    ci_high: float | None
    """The upper end of the win rate's interval."""
    interval: str | None
    """How the interval was found, such as `Wilson 95 %`."""
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
    p: float | None = None
    """The p of the exact sign test of wins against losses."""
    p_holm: float | None = None
    """That p after Holm's correction over the judge's comparisons."""
    lc_win_rate_b: float | None = None
    """The length-controlled win rate of b; None too where there is too little to fit it."""
    lc_low: float | None = None
    """The lower end of its interval."""
    lc_high: float | None = None
    """The upper end of its interval."""
    lc_parted: bool | None = None
    """Whether it differs from the raw win rate by more than chance explains."""
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
    """Pairs with the same text twice, which are ties without asking."""
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
    prefers_longer: float | None = None
    """The share of dialogues with a winner and two lengths that the longer response won."""
    flip_rate: float | None = None
    """The share of dialogues in which the two orders disagree."""
    left_out: int | None = None
    """Test dialogues that were not compared, because a responder has no usable response to them."""

    @property
    def name(self) -> ComparisonName:
        """The name of the comparison."""
        return ComparisonName(self.a, self.b, self.judge)

    @property
    def max_win_rate_b(self) -> float | None:
        """The win rate of b if every invalid dialogue were its win; `win_rate_b` is the least that it can be.
        None until the verdicts are in."""
        if not self.n:
            return None
        return ((self.wins_b or 0) + (self.ties or 0) / 2 + (self.invalid or 0)) / self.n
