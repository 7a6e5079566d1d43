"""How judges are named beside their results."""

from __future__ import annotations

import pytest

from tui.format.evaluation.win_rates import judge_words


@pytest.mark.parametrize(
    ("judge", "label", "words"),
    [
        (
            "gpt-4o",
            "gpt-4o: agrees with human ratings on 74 %",
            "Judge gpt-4o agrees with human ratings on 74 %",
        ),
        ("embedded", "embedded judge: agrees with ratings", "Judge embedded agrees with ratings"),
        ("mini", "embedded judge, agrees with ratings", "Judge mini agrees with ratings"),
        ("gpt-4o", None, "Judge gpt-4o: agreement with people unknown"),
    ],
)
def test_a_judge_is_named_once(judge: str, label: str | None, words: str) -> None:
    assert judge_words({} if label is None else {judge: label}, judge) == words
