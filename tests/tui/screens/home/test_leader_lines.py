"""Who wins, in panels of several widths."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.api import WinRate
from tui.screens.home.leader_lines import leader_lines

RATE = WinRate(
    a="small",
    b="small/direct/chatgpt/sft",
    judge="embedded",
    n=69,
    wins_a=16,
    wins_b=53,
    ties=0,
    invalid=0,
    interval="wilson 95 %",
    job="compare-1",
    state="done",
    win_rate_b=0.768,
    ci_low=0.653,
    ci_high=0.854,
    decision="leads",
    label="embedded judge: agrees with held-out human ratings on 95 % of 1,598 pairs; the longer one: 61 %",
)


@pytest.mark.parametrize(("width", "is_whole"), [(56, False), (76, False), (120, True)])
def test_the_agreement_of_the_judge_is_not_cut_off(width: int, is_whole: bool) -> None:
    lines = leader_lines([RATE], width, 6).plain.splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line.lstrip().startswith("%") for line in lines)
    about = " ".join(lines).partition("  against")[0]
    assert "95 % of 1,598 pairs" in about
    assert ("the longer one" in about) == is_whole


@pytest.mark.parametrize(("room", "rows"), [(0, 2), (9, 5), (11, 8), (40, 8)])
def test_as_many_responders_as_the_lines_have_room_for(room: int, rows: int) -> None:
    rates = [replace(RATE, b=f"small/direct/{number}/sft", label="") for number in range(8)]
    lines = leader_lines(rates, 76, room).plain.splitlines()
    assert sum("76.8 %" in line for line in lines) == rows
    assert ("    and 3 more" in lines) == (rows == 5)
    assert len(lines) <= max(room, 6)


@pytest.mark.parametrize(
    ("runs_of_others", "names", "headings"),
    [
        ((), {"chatgpt · sft", "human · sft"}, ["small", "human  runs of small"]),
        (("large/direct/human/sft",), {"small · chatgpt · sft", "small · human · sft"}, ["small", "human"]),
    ],
)
def test_a_run_has_one_form_of_its_name_whatever_the_baseline(
    runs_of_others: tuple[str, ...], names: set[str], headings: list[str]
) -> None:
    runs = ("small/direct/chatgpt/sft", "small/direct/human/sft", *runs_of_others)
    rates = [replace(RATE, a=a, b=b, label="") for a in ("small", "human") for b in runs]
    lines = leader_lines(rates, 100, 40).plain.splitlines()
    shown = {line[4:].partition("  ")[0] for line in lines if "76.8 %" in line}
    assert {name for name in shown if not name.startswith("large")} == names
    found = [line.partition("against ")[2] for line in lines if "against" in line]
    assert [one.rpartition("  ")[0] for one in found] == headings


def test_a_name_is_cut_only_if_the_decisions_leave_no_room() -> None:
    rate = replace(RATE, b="small/direct/a-very-long-name/sft-dpo", label="")
    (line,) = (line for line in leader_lines([rate], 56, 9).plain.splitlines() if "76.8 %" in line)
    assert "a-very-long-name · sft-dpo" in line
