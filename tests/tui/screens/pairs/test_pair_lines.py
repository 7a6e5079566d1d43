"""What the list of dialogues shows, and by what it is sorted."""

from __future__ import annotations

import pytest

from core.domain.evaluation.verdicts import Pair, Verdict
from tui.screens.pairs.pair_lines import line


def pair(a: str | None, b: str | None, *verdicts: Verdict) -> Pair:
    return Pair("d", "sad", "situation", "utterance", a, b, verdicts)


def test_the_margin_is_the_mean_over_judges() -> None:
    found = line(
        3,
        pair(
            "one two",
            "one three",
            Verdict("x", "ab", "b", ""),
            Verdict("x", "ba", "b", ""),
            Verdict("y", "ab", "a", ""),
            Verdict("y", "ba", "b", ""),
        ),
    )
    assert found.number == 3
    assert found.outcomes == {"x": "b", "y": "tie"}
    assert found.margin == pytest.approx(0.5)
    assert found.judges_differ == pytest.approx(0.5)
    assert found.orders_differ == pytest.approx(1.0)
    assert found.texts_differ == pytest.approx(0.5)


def test_what_is_not_known_is_not_zero() -> None:
    found = line(1, pair("one", None, Verdict("x", "ab", "invalid", "")))
    assert (found.margin, found.judges_differ, found.orders_differ, found.texts_differ) == (None,) * 4


@pytest.mark.parametrize(("a", "b", "is_same"), [("same", "same", True), ("", "", True), (None, None, False)])
def test_the_same_text(a: str | None, b: str | None, is_same: bool) -> None:
    assert line(1, pair(a, b)).is_same == is_same
