"""Numbers as text."""

from __future__ import annotations

from tui.format.values import UNKNOWN, counted, percent


def test_one_is_no_plural() -> None:
    assert [counted(number, "word") for number in (0, 1, 2, 1234)] == [
        "0 words",
        "1 word",
        "2 words",
        "1,234 words",
    ]
    assert counted(None, "word") == f"{UNKNOWN} words"


def test_an_unknown_share_is_a_dash() -> None:
    assert (percent(None), percent(0.5)) == (UNKNOWN, "50 %")
