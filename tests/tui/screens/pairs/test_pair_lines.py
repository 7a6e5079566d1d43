"""What the list of dialogues shows, and by what it is sorted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.evaluation.verdicts import Pair, Verdict
from tests.tui.screens.pairs.test_filters import pairs
from tui.navigation import pair_filter
from tui.screens.pairs.pair_lines import PairSet, line, pair_set


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


@given(st.lists(pairs, max_size=6), st.lists(pairs, max_size=6), st.integers(0, 6))
def test_what_was_known_of_pairs_changes_nothing(before: list[Pair], more: list[Pair], kept: int) -> None:
    known = pair_set(before, PairSet())
    found = pair_set([*before[:kept], *more], known)
    assert found == pair_set([*before[:kept], *more], PairSet())
    assert pair_set([*before], known) is known
    for pair in before[:kept]:
        assert found.lines[pair.dialog_id] is known.lines[pair.dialog_id]
        assert known.lines[pair.dialog_id].disagrees == pair_filter.disagree(pair)
