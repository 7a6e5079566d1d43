"""What is pasted is text, however it arrives and whatever it contains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, Paste

from tui.runtime.terminal.pastes import PasteParser

START, END = "\x1b[200~", "\x1b[201~"


def parse(*parts: str, timeouts: Sequence[int] = ()) -> list[str]:
    """Keys, and pastes in quotes. After each part in `timeouts` no input follows for long."""
    parser = PasteParser()
    found = []
    for number, part in enumerate(parts):
        found += list(parser.feed(part))
        if number in timeouts:
            if parser._timeout_time is not None:
                parser._timeout_time = 0
            found += list(parser.tick())
    return [repr(e.text) if isinstance(e, Paste) else e.key for e in found if isinstance(e, Key | Paste)]


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ("plain\ntext", "plain\ntext"),
        ("a\x1bp", "a␛p"),
        ("\x1b", "␛"),
        ("\x1b\x1b[A\x1bOP", "␛␛[A␛OP"),
        ("\x1b" + "x" * 50, "␛" + "x" * 50),
        ("\x1b[200~again", "␛[200~again"),
        ("\x1b[<0;3;3M\x1b[48;1;1;1;1t\x1b[I", "␛[<0;3;3M␛[48;1;1;1;1t␛[I"),
        ("\x03\x9b1m", "␃<U+009B>1m"),
        ("", ""),
    ],
)
def test_an_escape_in_a_paste_is_text(text: str, pasted: str) -> None:
    for parts in ([f"q{START}{text}{END}p"], ["q", START, text or "\0", END, "p"]):
        assert parse(*parts) == ["q", repr(pasted), "p"]
        assert parse(*parts, timeouts=range(len(parts))) == ["q", repr(pasted), "p"]


@pytest.mark.parametrize("cut", range(1, len(START)))
def test_a_mark_in_two_parts(cut: int) -> None:
    """As from a slow connection; within the time in which Textual waits for the rest of a key."""
    assert parse(START[:cut], f"{START[cut:]}x\x1by{END[:cut]}", f"{END[cut:]}z") == ["'x␛y'", "z"]


@pytest.mark.parametrize("cut", range(1, len(START)))
def test_the_text_of_a_paste_is_never_keys_even_if_the_mark_is_late(cut: int) -> None:
    found = parse(START[:cut], f"{START[cut:]}x\x1by{END}", timeouts=[0])
    assert found[-1] == "'x␛y'"
    # The escape alone was a key by then.
    assert len(found) == 1 or cut < 3


def test_keys_are_heard_as_before() -> None:
    keys = ["\x1b[A", "\x1b[2~", "\x1b[20~", "\x1bOP", "q", "\x1b[1;5C", "é"]
    expected = ["up", "insert", "f9", "f1", "q", "ctrl+right", "é"]
    assert parse("".join(keys)) == parse(*keys) == parse(*"".join(keys)) == expected
    assert parse("\x1b", timeouts=[0]) == ["escape"]
    assert parse("\x1b", "q", timeouts=[0]) == ["escape", "q"]
    assert parse("\x1b", "[200", timeouts=[0]) == ["escape"]


@given(
    pieces=st.lists(
        st.tuples(st.booleans(), st.text(st.sampled_from("aq1[]0~;<\x1b\n\x9béM"), max_size=12)), max_size=6
    ),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
def test_no_part_of_a_paste_is_a_key(pieces: list[tuple[bool, str]], cuts: list[int]) -> None:
    """Typed text here has no escapes; whatever is cut where, only it is keys."""
    stream = "".join(
        f"{START}{text}{END}" if is_paste else text.replace("\x1b", "").replace("\x9b", "")
        for is_paste, text in pieces
    )
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parts = [stream[a:b] for a, b in pairwise(places)]
    found = parse(*parts)
    typed = "".join(t.replace("\x1b", "").replace("\x9b", "") for is_paste, t in pieces if not is_paste)
    assert len([one for one in found if not one.startswith("'")]) == len(typed)
    assert len([one for one in found if one.startswith("'")]) == sum(is_paste for is_paste, _ in pieces)
