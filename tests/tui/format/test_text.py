"""Nothing from outside reaches a screen as anything but plain, visible text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.format import values as formats
from tui.format.text import visible

#: Control, surrogate, line and paragraph separators. Of the format characters joiners may stay.
FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}
any_text = st.text(st.characters(codec=None))
plain = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u3164\uffa0"))


@given(any_text)
def test_no_control_character_comes_through(text: str) -> None:
    assert not any(unicodedata.category(char) in FORBIDDEN for char in visible(text))


@given(any_text)
def test_no_direction_is_turned(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert all(char in JOINERS for char in shown if ord(char) in range(0x200B, 0x2010) and ord(char) < 0x2010)


@given(plain)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(any_text)
def test_once_is_enough(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(any_text)
def test_with_lines_only_line_breaks_stay(text: str) -> None:
    shown = visible(text, lines=True)
    assert not any(unicodedata.category(char) in FORBIDDEN for char in shown if char != "\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("a\x00b\x7f", "a␀b␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("\u202egnp.exe", "<U+202E>gnp.exe"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
        ("👩\u200d🚀 café", "👩\u200d🚀 café"),
        ("a\nb", "a␊b"),
    ],
)
def test_hostile_text_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "—"), (0, "0s"), (59.6, "1m 00s"), (3725, "1h 02m"), (273_600, "3d 04h"), (-3, "0s")],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


@given(st.text(min_size=0, max_size=60), st.integers(3, 40))
def test_a_shortened_text_fits_and_keeps_its_ends(text: str, width: int) -> None:
    shown = formats.shorten(text, width)
    assert len(shown) <= width
    if len(text) > width:
        assert shown[-1] == text[-1]


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "····"), (0.0, "────"), (0.01, "━───"), (0.5, "━━──"), (0.99, "━━━─"), (1.0, "━━━━")],
)
def test_bars(share: float | None, shown: str) -> None:
    assert formats.bar(share, 4) == shown
