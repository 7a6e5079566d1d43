"""Charts: no extreme is lost whatever is left out, and what cannot be drawn does not break them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.screens.training.charts import plotting, ticks
from tui.screens.training.charts.chart_colours import ChartColours
from tui.screens.training.charts.plotting import Chart
from tui.screens.training.charts.traces import Axes, Trace, TraceKind

COLOURS = ChartColours("#111111", "#222222", "#333333")
RED, BLUE = "#ff0000", "#0000ff"


def trace(
    values: list[float],
    colour: str = RED,
    *,
    x: list[float] | None = None,
    label: str = "",
    kind: TraceKind = "line",
) -> Trace:
    places = np.arange(len(values), dtype=float) if x is None else np.array(x, dtype=float)
    return Trace(places, np.array(values, dtype=float), colour, label, kind)


def drawn(
    *traces: Trace, low: float = 0.0, high: float = 1.0, size: tuple[int, int] = (40, 12), log: bool = False
) -> Chart:
    return plotting.draw(traces, Axes(low, high, ticks.linear, log), *size, COLOURS)


def plot(chart: Chart) -> list[str]:
    """The rows of the plot alone."""
    strips = chart.strips[: chart.rows]
    return [strip.text[chart.left : chart.left + chart.width] for strip in strips]


def inked(chart: Chart) -> set[tuple[int, int]]:
    """(row, column) of each cell of the plot in which something of a trace is."""
    return {
        (row, column)
        for row, text in enumerate(plot(chart))
        for column, character in enumerate(text)
        if character not in " ┈"
    }


finite = st.floats(-1e9, 1e9)
points = st.lists(st.tuples(st.integers(0, 500), finite), min_size=1, max_size=300).map(
    lambda found: sorted(dict(found).items())
)


@settings(max_examples=300, deadline=None)
@given(points, st.integers(2, 40), st.integers(-50, 0), st.integers(500, 600))
@example([(step, 0.0) for step in range(500)], 20, 0, 500)
def test_each_column_keeps_its_min_and_its_max(
    found: list[tuple[int, float]], count: int, low: int, high: int
) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    kept = plotting.thinned(x, y, low, high, count)
    column = plotting.columns(x, low, high, count)
    for number in set(column.tolist()):
        before, after = y[column == number], y[kept][column[kept] == number]
        assert (after.min(), after.max()) == (before.min(), before.max())
    assert {0, len(x) - 1} <= set(kept.tolist())
    assert sorted(set(kept.tolist())) == kept.tolist()
    assert len(kept) <= 2 * count + 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99_999), st.integers(0, 99_999), st.sampled_from([(40, 8), (150, 40)]))
def test_one_point_of_100_000_is_seen(high: int, low: int, size: tuple[int, int]) -> None:
    values = np.zeros(100_000)
    values[low], values[high] = -1.0, 1.0
    chart = drawn(Trace(np.arange(100_000.0), values, RED), low=0, high=99_999, size=size)
    cells, top = inked(chart), chart.column(high)
    assert top is not None
    assert (0, top - chart.left) in cells
    if low != high:
        bottom = chart.column(low)
        assert bottom is not None
        assert (chart.rows - 1, bottom - chart.left) in cells


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(finite, st.sampled_from([math.nan, math.inf, -math.inf, 0.0])), max_size=60),
    st.tuples(st.integers(1, 60), st.integers(1, 20)),
    st.booleans(),
    st.tuples(st.floats(-5, 30), st.floats(30.5, 70)),
)
def test_lines_have_the_requested_width_for_any_values_and_size(
    values: list[float], size: tuple[int, int], log: bool, window: tuple[float, float]
) -> None:
    both = trace(values, label="1"), trace(values[::-1], BLUE, label="2", kind="points")
    chart = drawn(*both, low=window[0], high=window[1], size=(max(size[0], 14), size[1]), log=log)
    assert len(chart.strips) == max(1, size[1])
    if size[0] >= 30:
        assert {strip.cell_length for strip in chart.strips} == {size[0]}


def test_a_line_is_interrupted_where_a_value_is_not_a_number() -> None:
    chart = drawn(trace([1.0, 1.0, math.nan, 1.0, 1.0]), high=4)
    rows = {row for row, _ in inked(chart)}
    (row,) = rows
    text = plot(chart)[row]
    middle = len(text) // 2
    assert text[middle] == "✗"
    # From the point before it to the mark, and from there to the point behind it, there is no line.
    assert set(text[middle - 5 : middle]) <= set(" ┈")
    assert set(text[middle + 1 : middle + 5]) <= set(" ┈")
    assert text[0] not in " ┈"


def test_infinity_is_marked_at_the_edge_and_does_not_squeeze_the_rest() -> None:
    chart = drawn(trace([1.0, 2.0, math.inf, 3.0, -math.inf]), high=4)
    text = plot(chart)
    assert "✗" in text[0]
    assert "✗" in text[-1]
    labels = [strip.text[: chart.left - 1].strip() for strip in chart.strips[: chart.rows]]
    assert (labels[0], labels[-1]) == ("3.0", "1.0")


def test_a_log_axis_says_how_many_points_it_leaves_out() -> None:
    chart = drawn(trace([0.1, 0.0, -1.0, 10.0, 100.0]), high=4, log=True)
    assert chart.left_out == 2
    labels = "".join(strip.text[: chart.left] for strip in chart.strips)
    assert "0.1" in labels
    assert "100" in labels
    assert drawn(trace([0.1, 0.0, -1.0, 10.0]), high=4).left_out == 0


def test_a_logarithm_makes_a_line_of_powers() -> None:
    steps = list(range(20))
    chart = drawn(trace([10.0**step for step in steps]), high=19, size=(44, 12), log=True)
    for step in steps:
        column = chart.column(step)
        assert column is not None
        row = round((1 - step / 19) * (chart.rows - 1))
        assert any((near, column - chart.left) in inked(chart) for near in (row - 1, row, row + 1))


def test_a_line_goes_on_to_the_edges_of_what_is_visible() -> None:
    chart = drawn(trace([0.0, 10.0], x=[0.0, 100.0]), low=40, high=60)
    columns = {column for _, column in inked(chart)}
    assert columns == set(range(chart.width))
    # Only what is visible gives the y axis its range.
    labels = [strip.text[: chart.left - 1].strip() for strip in chart.strips[: chart.rows]]
    known = [float(label) for label in labels if label]
    assert known
    assert all(4 <= value <= 6 for value in known)


def test_what_is_drawn_later_lies_on_top() -> None:
    flat = [1.0] * 50
    chart = drawn(trace(flat, RED), trace(flat, BLUE), high=49)
    colours = {
        segment.style.color.name
        for strip in chart.strips
        for segment in strip
        if segment.style and segment.style.color
    }
    assert BLUE in colours
    assert RED not in colours


def test_each_of_several_lines_has_its_number_at_its_end() -> None:
    chart = drawn(trace([0.0, 1.0], RED, label="1"), trace([1.0, 1.0], BLUE, label="2"), high=1)
    ends = [strip.text[chart.left + chart.width :].strip() for strip in chart.strips[: chart.rows]]
    # They meet at the top: the later one is there, the other beside it.
    assert ends[:2] == ["2", "1"]
    alone = drawn(trace([0.0, 1.0], RED, label="1"), high=1)
    assert "1" not in [strip.text[alone.left + alone.width :].strip() for strip in alone.strips]


def test_one_point_alone_is_seen() -> None:
    chart = drawn(trace([0.5], x=[3.0]), low=2.5, high=3.5)
    assert "○" in "".join(plot(chart))


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, math.nan]])
def test_nothing_that_can_be_drawn_leaves_an_empty_plot(values: list[float]) -> None:
    chart = drawn(trace(values), high=1)
    assert all(set(row) <= set(" ┈✗") for row in plot(chart))


def test_cells_and_places_on_the_axis_fit_together() -> None:
    chart = drawn(trace([1.0, 2.0]), low=0, high=1000, size=(60, 10))
    for x in (0, 17, 500, 1000):
        column = chart.column(x)
        assert column is not None
        assert abs(chart.x(column) - x) <= 1000 / chart.width
    assert chart.column(-1) is None
    assert chart.column(1001) is None
