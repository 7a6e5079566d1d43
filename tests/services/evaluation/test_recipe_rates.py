"""The breakdown by recipe over several students, with dialogues that are invalid for some of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.domain.evaluation.win_rates import WinRate
from core.judging.metrics.scores import Scores
from core.services.evaluation import recipe_rates
from tests.tui.screens.win_rates.metrics.test_comparison_metrics import RATE


def rate(student: str, run: str, job: str) -> WinRate:
    return replace(RATE, a=student, b=run, job=job)


def test_a_dialogue_scores_the_mean_over_the_students_that_have_a_score() -> None:
    rates = [
        rate("one", "one/direct/chatgpt/sft", "j1"),
        rate("two", "two/direct/chatgpt/sft", "j2"),
        # Not over the base student.
        rate("human", "two/direct/chatgpt/sft", "j3"),
    ]
    scores: dict[str, Scores] = {
        "j1": {"d1": 1.0, "d2": 0.5, "d3": None, "d4": None},
        "j2": {"d1": 0.0, "d2": 1.0, "d3": 1.0, "d4": None},
        "j3": {"d1": 0.0},
    }
    cognitive: Scores = {"d1": 1.0, "d2": 1.0}
    (found,) = recipe_rates.recipe_rates(rates, scores, {"j1": {"cognitive": cognitive}})
    assert (found.recipe, found.stage, found.comparisons) == ("direct/chatgpt", "sft", 2)
    assert (found.n, found.invalid) == (4, 1)
    assert found.win_rate_b == pytest.approx((0.5 + 0.75 + 1.0) / 3)
    assert list(found.dimensions) == ["cognitive"]
    assert found.dimensions["cognitive"].wins_b == 2
