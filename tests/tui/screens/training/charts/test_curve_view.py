"""How curves are looked at: what stays where when one looks closer, and where the tiles lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.screens.training.charts import curve_view
from tui.screens.training.charts.curve_view import View, Window

WHOLE = Window(0.0, 1000.0)


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 2.0]), st.one_of(st.none(), st.floats(0, 1000))), max_size=20)
)
def test_what_is_visible_is_always_a_part_of_the_whole(moves: list[tuple[float, float | None]]) -> None:
    view = View()
    for by, around in moves:
        view = view.zoomed(by, around, WHOLE, min_span=4.0)
        window = view.window(WHOLE)
        assert WHOLE.low <= window.low < window.high <= WHOLE.high
        assert window.span >= 4.0 - 1e-6


@given(st.floats(200, 800))
def test_looking_closer_leaves_the_cursor_where_it_is(x: float) -> None:
    view = View().zoomed(0.5, x, WHOLE, min_span=1.0)
    window = view.window(WHOLE)
    assert window.span == pytest.approx(500)
    assert (x - window.low) / window.span == pytest.approx(x / 1000, abs=1e-6)


def test_without_a_cursor_the_end_is_looked_at_and_followed() -> None:
    view = View().zoomed(0.25, None, WHOLE, min_span=1.0)
    assert view.window(WHOLE) == (750.0, 1000.0)
    assert view.window(Window(0.0, 1400.0)) == (1150.0, 1400.0)
    assert view.zoomed(4.0, None, WHOLE, min_span=1.0) == View()


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_the_view_goes_where_the_cursor_goes(start: float, x: float) -> None:
    view = View().zoomed(0.1, start, WHOLE, min_span=1.0).containing(x, WHOLE)
    window = view.window(WHOLE)
    assert window.low - 1e-6 <= x <= window.high + 1e-6
    assert window.span == pytest.approx(100)


def test_what_people_look_at_first_comes_first_and_evaluation_with_what_it_evaluates() -> None:
    logged = ["grad_norm", "epoch", "num_tokens", "eval_loss", "other", "loss", "eval_other_loss"]
    assert curve_view.ordered(logged) == ("loss", "grad_norm", "other", "eval_other_loss")


@given(st.integers(34, 300), st.integers(8, 100), st.integers(1, 20))
def test_tiles_lie_apart_and_within(width: int, height: int, count: int) -> None:
    places = curve_view.grid(width, height, count)
    assert 1 <= len(places) <= count
    for x, y, across, down in places:
        assert x >= 0
        assert y >= 0
        assert across >= 33
        assert down >= 8
        assert x + across <= width
        assert y + down <= height
    for one, other in combinations(places, 2):
        beside = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        below = one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
        assert beside or below


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30).map(sorted), st.floats(-10, 110))
def test_the_nearest_is_the_nearest(values: list[float], wanted: float) -> None:
    place = curve_view.nearest(np.array(values), wanted)
    assert abs(values[place] - wanted) == min(abs(value - wanted) for value in values)


def test_nothing_stands_where_a_run_has_not_been() -> None:
    steps = np.array([10.0, 20.0, 30.0])
    assert [curve_view.standing(steps, x) for x in (None, 10.0, 24.0, 36.0)] == [2, 0, 1, 2]
    assert [curve_view.standing(steps, x) for x in (-1.0, 41.0)] == [None, None]
    assert curve_view.standing(np.empty(0), None) is None


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30, unique=True).map(sorted), st.data())
def test_the_cursor_goes_on_and_stops_at_the_ends(steps: list[int], data: st.DataObject) -> None:
    positions = np.array(steps, dtype=float)
    x = data.draw(st.sampled_from(steps))
    far = data.draw(st.floats(0.01, 2000))
    right, left = curve_view.moved(positions, x, far), curve_view.moved(positions, x, -far)
    assert right is None if x == steps[-1] else right is not None and steps[right] > x
    assert left is not None
    assert steps[left] < x or left == 0
