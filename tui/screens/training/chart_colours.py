"""The colours of a chart that are not a run's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChartColours:
    """Rich colours of the axis with its line, of the grid behind the curves, and of labels."""

    axis: str
    grid: str
    text: str
