"""What a program switches in a terminal is switched back, however its output is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tui.remote.terminal_modes import TerminalModes

START = b"\x1b[?1049h\x1b[?1000h\x1b[?1006;1003h\x1b[?25l\x1b[>1utext\x1b[31m"


@given(st.lists(st.integers(0, len(START)), max_size=6))
def test_it_does_not_matter_where_the_output_is_cut(cuts: list[int]) -> None:
    modes = TerminalModes()
    places = [0, *sorted(cuts), len(START)]
    for start, end in pairwise(places):
        modes.feed(START[start:end])
    assert modes.is_drawn_on
    undone = modes.undo()
    assert undone == (b"\x18\x1b[0m\x1b[<u\x1b[?1000l\x1b[?1006l\x1b[?1003l\x1b[?25h\x1b[?1049l")
    assert modes.undo() == b""


def test_a_program_that_has_cleaned_up_leaves_nothing_to_undo() -> None:
    modes = TerminalModes()
    modes.feed(START + b"\x1b[<u\x1b[?1006;1003l\x1b[?1000l\x1b[?25h\x1b[?1049l")
    assert not modes.is_drawn_on
    assert modes.undo() == b""


def test_a_program_that_only_prints_changes_nothing() -> None:
    modes = TerminalModes()
    modes.feed(b"\x1b[1mtable\x1b[0m\r\n\x1b")
    assert modes.undo() == b""
