"""Whether a comparison is decided, and what would decide it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.domain.evaluation.win_rates import WinRate
from core.judging.metrics.inference import statistics
from core.judging.metrics.study_design import power
from core.services.evaluation.decisions import decided


def rate(wins_b: int, wins_a: int, ties: int = 0, invalid: int = 0) -> WinRate:
    scores: list[float | None] = [1.0] * wins_b + [0.0] * wins_a + [0.5] * ties + [None] * invalid
    found = statistics.win_rate(scores)
    estimate, bounds = found.rate, found.bounds
    return WinRate(
        a="base",
        b="base/direct/human/sft",
        judge="judge",
        n=found.n,
        wins_a=found.wins_a,
        wins_b=found.wins_b,
        ties=found.ties,
        invalid=found.invalid,
        win_rate_b=None if estimate is None else estimate.share,
        ci_low=None if estimate is None else estimate.low,
        ci_high=None if estimate is None else estimate.high,
        interval="Wilson 95 %",
        label=None,
        job="compare-1",
        state="done",
        min_win_rate_b=None if bounds is None else bounds.low,
        max_win_rate_b=None if bounds is None else bounds.high,
    )


def test_the_interval_decides() -> None:
    assert decided(rate(40, 10)).decision == "leads"
    assert decided(rate(10, 40)).decision == "loses"
    assert decided(rate(9, 7)).decision == "undecided"
    assert decided(rate(40, 10)).more_dialogues is None
    assert decided(rate(0, 0, invalid=5)).decision is None


@pytest.mark.parametrize("counts", [(9, 7), (30, 22), (52, 40, 8), (3, 2, 20), (3, 0)])
def test_it_says_how_many_more_dialogues_would_decide_it(counts: tuple[int, ...]) -> None:
    """With these at the same win rate the interval no longer covers one half."""
    found = decided(rate(*counts))
    assert found.decision == "undecided"
    assert found.more_dialogues is not None
    n = sum(counts)
    times = (n + found.more_dialogues) / n
    more = rate(*(round(count * times) for count in counts))
    assert decided(more).decision in ("leads", "loses")


def test_no_number_of_dialogues_decides_what_is_even_or_left_to_invalid_ones() -> None:
    assert decided(rate(8, 8)).more_dialogues is None
    assert decided(rate(9, 7, invalid=8)).more_dialogues is None


def test_the_interval_with_invalid_dialogues_counts() -> None:
    alone = rate(40, 20, invalid=30)
    assert decided(alone).decision == "leads"
    assert decided(replace(alone, bounds_low=0.35, bounds_high=0.8)).decision == "undecided"


def test_the_variance_of_counts_is_that_of_the_scores() -> None:
    assert power.fraction_of_counts(10, 10, 0) == pytest.approx(1)
    assert power.fraction_of_counts(5, 5, 10) == pytest.approx(0.5)
    assert power.fraction_of_counts(0, 7, 0) == 1.0, "nothing is known of how they vary"
