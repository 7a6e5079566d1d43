"""The agreement of judges with each other: over the dialogues on which both were asked."""

from __future__ import annotations

from msgspec.structs import replace

from core.judging.metrics.scores import Scores
from core.services.evaluation import judges
from tests.tui.screens.win_rates.metrics.test_comparison_metrics import RATE


def test_identical_responses_are_no_agreement_of_judges() -> None:
    rates = [replace(RATE, a="human", b="gpt", judge=judge, job=judge) for judge in ("one", "other")]
    scores: dict[str, Scores] = {"one": {"d1": 1.0, "d2": 0.5}, "other": {"d1": 0.0, "d2": 0.5}}
    texts = {"human": {"d1": "I see.", "d2": "Oh no."}, "gpt": {"d1": "Well.", "d2": "Oh no."}}
    (found,) = judges.agreements(rates, scores, lambda names: {name: texts[name] for name in names})
    assert (found.pairs, found.raw) == (1, 0.0)
