"""The win rate of one comparison."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.jobs import JobState
from core.domain.names import ComparisonName


@dataclass(frozen=True)
class WinRate:
    """One comparison: `a` the baseline. Figures are None until every verdict is in, or where they do not
    apply.

    `win_rate_b` is (wins of b + half the ties) / n, with n all dialogues compared, invalid ones included,
    which are nobody's wins; it is None when no dialogue has a valid outcome. `interval` names how
    `ci_low` and `ci_high` were found, `design` what the judge was shown; the bootstrap's interval stands
    beside it where a dialogue was judged more than once. `p` is the exact sign test's of wins against
    losses, `p_holm` after Holm's correction over the judge's comparisons.

    `lc_…` is the length-controlled win rate, `lc_parted` whether it parts from the raw one. `soft_…` is the
    win rate by the log-probabilities of the judge's answers. `words_…` are mean words per response,
    `over_limit_…` the shares of responses with more words than the prompt allows.

    Of the pairs `identical` have the same text twice; `empty_…` and `addressing_…` count responses without a
    word, and those with words that may be meant for the judge. All of them are judged as they are.

    `label` names the judge's measured agreement with people, `prefers_first` how often it names the
    response shown first, `prefers_longer` the one with more words, `flip_rate` in how many dialogues its
    orders disagree. `fingerprint` is that of the job behind the figures.
    """

    a: str
    b: str
    judge: str
    n: int | None
    wins_a: int | None
    wins_b: int | None
    ties: int | None
    invalid: int | None
    win_rate_b: float | None
    ci_low: float | None
    ci_high: float | None
    interval: str | None
    label: str | None
    job: str
    state: JobState
    fingerprint: str = ""
    design: str | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    lc_win_rate_b: float | None = None
    lc_low: float | None = None
    lc_high: float | None = None
    lc_parted: bool | None = None
    soft_win_rate_b: float | None = None
    soft_low: float | None = None
    soft_high: float | None = None
    words_a: float | None = None
    words_b: float | None = None
    over_limit_a: float | None = None
    over_limit_b: float | None = None
    identical: int | None = None
    empty_a: int | None = None
    empty_b: int | None = None
    addressing_a: int | None = None
    addressing_b: int | None = None
    prefers_first: float | None = None
    prefers_longer: float | None = None
    flip_rate: float | None = None

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
