"""The colours of a chart except those of runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChartColours:
    """Rich colours of the axes, the grid and the labels."""

    axis: str
    grid: str
    text: str
