"""What a job waits for, as Home, Pipeline and status show it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from rich.console import Console

from core.api import Event, Job, Snapshot, Wait
from core.domain.jobs.snapshot import DialogueCounts, SupervisorStatus
from tui.cli.output import json
from tui.cli.output.pipeline import jobs
from tui.format.jobs import waits
from tui.screens.home import attention, work_lines
from tui.screens.pipeline import job_details

NOW = time.mktime((2026, 6, 1, 12, 0, 0, 0, 0, -1))
WAIT = Wait("rate limited: 429: slow down", NOW - 600, NOW + 60, NOW + 3000)
JOB = Job(
    id="generate-1",
    stage="generate",
    name="improve-human/naive",
    state="running",
    requested=True,
    reason=None,
    done=5,
    total=12,
    eta_s=3.0,
    attempt=1,
    started_at=NOW - 700,
    finished_at=None,
    error=None,
    slot="api",
    fingerprint="f" * 64,
    depends_on=(),
    result=None,
    folder=None,
    wait=WAIT,
)
SNAPSHOT = Snapshot(
    version=1,
    workspace="/w",
    dialogues=DialogueCounts(1, 1, 0),
    supervisor=SupervisorStatus(True, 1),
    paused=False,
    slots=(),
    jobs=(JOB,),
    config_error=None,
    app=None,
)
WORDS = "waits since 11:50:00, tries again at 12:01:00, gives up at 12:50:00: rate limited: 429: slow down"


def test_the_reason_since_when_and_until_when() -> None:
    assert waits.words(WAIT, NOW) == WORDS
    assert waits.words(replace(WAIT, until=None, gives_up_at=None), NOW).startswith(
        "waits since 11:50:00: rate"
    )
    assert "gives up at 02 Jun" in waits.words(replace(WAIT, gives_up_at=NOW + 86_400), NOW)


@pytest.mark.parametrize("at", [-1e308, -1.0, 1e12, 1e20, 1e308])
def test_moments_that_the_systems_calendar_does_not_have(at: float) -> None:
    """A journal may hold any, and a `max_wait_s` of ages leads to one."""
    assert "waits since" in waits.words(replace(WAIT, since=at, until=at, gives_up_at=at), NOW)
    assert "waits" in waits.brief(replace(WAIT, since=at), NOW)
    job = replace(JOB, wait=None, started_at=at)
    assert "started" in job_details.describe(job, SNAPSHOT, NOW).plain
    assert work_lines.event_lines([Event(1, at, None, None, "paused")], NOW, 80, 2).plain.endswith("paused")


def test_home_shows_it_below_the_job_and_as_an_item() -> None:
    lines = work_lines.running_lines([JOB], NOW, 120, 5).plain.splitlines()
    assert "waits 10m" in lines[0]
    assert "ETA" not in lines[0]
    assert lines[1].strip() == WORDS
    narrow = work_lines.running_lines([JOB], NOW, 40, 5, in_full=True).plain.splitlines()
    assert narrow[0].endswith("generate improve-human/naive"), "with the bar in the next line"
    assert "waits 10m" in narrow[1]
    assert " ".join(" ".join(narrow[2:]).split()) == WORDS
    (item,) = attention.attention_items(SNAPSHOT, None, NOW, watched=False)
    assert (item.what, item.why) == ("generate improve-human/naive", WORDS)
    assert not attention.attention_items(
        replace(SNAPSHOT, jobs=(replace(JOB, wait=None),)), None, NOW, watched=False
    )


def test_pipeline_shows_it() -> None:
    assert WORDS in job_details.describe(JOB, SNAPSHOT, NOW).plain


@pytest.mark.parametrize("width", [100, 180])
def test_status_shows_it_whatever_the_width(width: int) -> None:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        jobs.print_status(console, SNAPSHOT)
    text = " ".join(captured.get().split())
    assert "waits since" in text
    assert "slow down" in text


def test_json_has_it() -> None:
    assert json.job_record(JOB).wait == WAIT
