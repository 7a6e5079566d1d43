"""The lines of the home screen's panels, in several widths."""

from __future__ import annotations

import pytest

from core.api import Event, JobCounts
from tui.screens.home.stage_graph import stage_graph
from tui.screens.home.stages import StageSummary
from tui.screens.home.work_lines import event_lines

NAME = "compare small vs small/improve-human/all_dimensions/sft-dpo @ embedded"
EVENTS = [Event(number, 1.8e9 + number, f"compare-{number}", 1, "done", about=NAME) for number in range(9)]


def test_names_of_events_are_cut_or_wrapped() -> None:
    cut = event_lines(EVENTS, 1.8e9, 60, 6).plain.splitlines()
    assert [len(line) <= 60 and "…" in line for line in cut] == [True] * 6
    whole = event_lines(EVENTS, 1.8e9, 60, 6, in_full=True).plain.splitlines()
    assert len(whole) == 6, "three events of two lines each"
    assert NAME in " ".join(" ".join(whole[:2]).split())
    assert whole[1].startswith(" " * 7)


@pytest.mark.parametrize("width", [40, 55, 62, 76, 120])
def test_stages_have_bars_wherever_the_numbers_leave_room(width: int) -> None:
    names = ("generate", "recipe", "sft", "sft-dpo", "respond", "compare")
    stages = [
        StageSummary(name, JobCounts(done=3, running=1, waiting=2), 0.5, depth, ())
        for depth, name in enumerate(names)
    ]
    lines = stage_graph(stages, None, {}, width).plain.splitlines()
    assert all(len(line) <= width and "3 of 6" in line for line in lines)
    assert all("1 running" in line for line in lines)
    assert all(line.count("━") >= 2 for line in lines)
