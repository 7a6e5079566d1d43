"""Ticks are where they should be, and their labels distinguish them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.screens.training.charts import ticks
from tui.screens.training.charts.ticks import Tick

ranges = st.tuples(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9)).map(
    lambda r: (r[0], r[0] + r[1] + abs(r[0]) * 1e-3)
)


@pytest.mark.parametrize("make", [ticks.linear, ticks.counts, ticks.times])
@given(ranges, st.integers(2, 12))
def test_ticks_lie_within_and_differ(
    make: Callable[[float, float, int], list[Tick]], window: tuple[float, float], most: int
) -> None:
    low, high = window
    found = make(low, high, most)
    slack = (high - low) * 1e-6
    assert all(low - slack <= tick.at <= high + slack for tick in found)
    assert len(found) <= most + 1
    labels = [tick.label for tick in found]
    assert len(set(labels)) == len(labels)


@given(st.floats(1e-12, 1e9), st.floats(1.01, 1e12), st.integers(2, 12))
def test_logarithmic_ticks_lie_within_and_differ(low: float, times: float, most: int) -> None:
    found = ticks.logarithmic(low, low * times, most)
    assert all(low * (1 - 1e-6) <= tick.at <= low * times * (1 + 1e-6) for tick in found)
    assert len({tick.label for tick in found}) == len(found) <= most + 1


def test_round_numbers_and_times() -> None:
    assert [tick.label for tick in ticks.linear(0.1, 2.9, 6)] == ["0.5", "1.0", "1.5", "2.0", "2.5"]
    assert [tick.label for tick in ticks.linear(0, 5e-5, 5)] == ["0", "1e-5", "2e-5", "3e-5", "4e-5", "5e-5"]
    assert [tick.label for tick in ticks.counts(1, 100_000, 5)] == ["20k", "40k", "60k", "80k", "100k"]
    assert [tick.label for tick in ticks.times(0, 7200, 4)] == ["0s", "30m", "1h", "1h30", "2h"]
    assert [tick.label for tick in ticks.times(3570, 3630, 3)] == ["0:59:30", "1:00:00", "1:00:30"]
    assert [tick.label for tick in ticks.logarithmic(1e-3, 10, 6)] == ["0.001", "0.01", "0.1", "1", "10"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5e-5, "5e-5"),
        (0.43219, "0.4322"),
        (12.5, "12.50"),
        (81234.5, "81234"),
        (0.0, "0"),
        (-1.5, "-1.500"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_a_number_in_few_characters(value: float, text: str) -> None:
    assert ticks.number(value) == text
