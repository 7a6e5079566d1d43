"""The lines of the home screen's panels, in several widths."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.api import Event, JobCounts, SftResult
from tests.services.pipeline.test_forecast import job
from tui.screens.home.stage_graph import stage_graph
from tui.screens.home.stages import StageSummary
from tui.screens.home.work_lines import event_lines, has_waiting, run_lines, waiting_lines

NAME = "compare small vs small/improve-human/all_dimensions/sft-dpo @ embedded"
EVENTS = [Event(number, 1.8e9 + number, f"compare-{number}", 1, "done", about=NAME) for number in range(9)]


def test_names_of_events_are_cut_or_wrapped() -> None:
    cut = event_lines(EVENTS, 1.8e9, 60, 6).plain.splitlines()
    assert [len(line) <= 60 and "…" in line for line in cut] == [True] * 6
    whole = event_lines(EVENTS, 1.8e9, 60, 6, in_full=True).plain.splitlines()
    assert len(whole) == 6, "three events of two lines each"
    assert NAME in " ".join(" ".join(whole[:2]).split())
    assert whole[1].startswith(" " * 7)


def test_jobs_that_were_requested_together_share_a_line() -> None:
    events = [
        Event(1, 1.7e9, "judge-1", None, "requested", "judge embedded"),
        Event(2, 1.7e9, "sft-1", None, "requested", "sft a"),
        Event(3, 1.7e9, "sft-2", None, "requested", "sft b"),
        Event(4, 1.7e9, "sft-1", 1, "failed: out of memory", "sft a"),
        Event(5, 1.7e9, "sft-1", None, "requested", "sft a"),
    ]
    lines = event_lines(events, 1.8e9, 60, 9).plain.splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == [
        "sft a  requested",
        "sft a  failed: out of memory",
        # As many as the start said, also if one of them has come further.
        "3 jobs  requested",
    ]
    # Those before are not known.
    (line,) = event_lines(events[1:3], 1.8e9, 60, 9).plain.splitlines()
    assert line.split(maxsplit=2)[2] == "2 or more jobs  requested"


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


def test_what_waits_begins_with_what_could_start_first() -> None:
    jobs = [
        job("first", "running"),
        replace(job("second", "waiting"), reason="waits for sft first"),
        job("third", "ready", stage="respond"),
        job("fourth", requested=False),
        *(job(f"more{number}") for number in range(4)),
    ]
    lines = waiting_lines(jobs, 60, 4).plain.splitlines()
    assert lines == [
        "◌ respond third",
        f"○ sft second{'waits for sft first':>48}",
        "○ sft more0",
        "and 3 more",
    ]
    assert has_waiting(jobs)
    assert not has_waiting(jobs[:1])
    # The name is more than the reason.
    assert waiting_lines(jobs, 24, 2).plain.splitlines() == ["◌ respond third", "and 5 more"]
    assert waiting_lines(jobs[1:2], 24, 2).plain == "○ sft second"
    # A reason is cut at its end.
    long = replace(jobs[1], reason="waits for sft with a long name")
    assert waiting_lines([long], 36, 2).plain == "○ sft second   waits for sft with a…"
    assert waiting_lines([long], 8, 2).plain.startswith("○ s")


def test_runs_show_their_loss_and_duration_or_their_state() -> None:
    result = SftResult(
        steps=16,
        train_loss=3.5174,
        train_runtime_s=9.0,
        epochs=1.0,
        examples=8,
        device="cpu",
        dtype="float32",
    )
    jobs = [
        replace(job("a", "done", took=188), result=result),
        replace(job("b", "running", took=5), done=31, total=50),
        job("c", stage="respond"),
        job("d", "failed"),
    ]
    lines = [" ".join(line.split()) for line in run_lines(jobs, 60, 9).plain.splitlines()]
    assert lines == ["✓ a loss 3.517 3m 08s", "▶ b running 62 %", "✗ d failed"]
