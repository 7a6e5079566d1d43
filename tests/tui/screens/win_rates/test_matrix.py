"""Cells of the matrix of responders."""

from __future__ import annotations

from core.domain.evaluation.comparisons import PairedTest
from tui.screens.win_rates.matrix import MatrixCell, mark


def test_an_even_lead_has_no_direction() -> None:
    test = PairedTest("gpt", "base", "a", "b", 16, 0, 3, 3, 0.0, -0.3, 0.3, 1.0, 1.0)
    assert {mark(MatrixCell((), (test,)), responder) for responder in "ab"} == {"Δ+0.0 "}
