"""A run's figures over its steps, drawn with plotext."""

from __future__ import annotations

from collections.abc import Sequence

from textual_plotext import PlotextPlot

from tui.text import visible


class Curve(PlotextPlot):
    """One line over optimiser steps."""

    def draw(self, title: str, steps: Sequence[int], values: Sequence[float]) -> None:
        """Show these points, which may be none."""
        plot = self.plt
        plot.clear_data()
        plot.title(visible(title))
        plot.xlabel("step")
        if steps:
            # A single point makes no line.
            marker = "braille" if len(steps) > 1 else "dot"
            plot.plot(list(steps), list(values), marker=marker)
        self.refresh()
