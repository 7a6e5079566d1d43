"""Who wins, in panels of several widths."""

from __future__ import annotations

import pytest

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
