"""A win rate and its interval on a line from 0 to 1."""

from __future__ import annotations

from rich.text import Text


def interval_bar(
    rate: float | None, low: float | None, high: float | None, width: int, *, colour: str, muted: str
) -> Text:
    """A bar of `width` cells: the interval as a line, the rate as a point, 50 % marked.

    An unknown rate is shown as dots.
    """
    if rate is None or low is None or high is None:
        return Text("·" * width, muted)
    middle, point = _cell(0.5, width), _cell(rate, width)
    bar = Text()
    for cell in range(width):
        if cell == point:
            bar.append("●", colour)
        elif _cell(low, width) <= cell <= _cell(high, width):
            bar.append("┿" if cell == middle else "━", colour)
        else:
            bar.append("┊" if cell == middle else "─", muted)
    return bar


def _cell(share: float, width: int) -> int:
    return min(width - 1, max(0, round(share * (width - 1))))
