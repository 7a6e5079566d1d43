"""What may be done with a job, what blocks it, and when work needs a supervisor."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.jobs import job_rules
from core.domain.jobs.job import Job
from core.domain.jobs.snapshot import DialogueCounts, SlotUse, Snapshot, SupervisorStatus
from core.domain.states import JobState

CPU = SlotUse("cpu", 0, 1)


def job(name: str, state: JobState = "waiting", *depends_on: str, requested: bool = True) -> Job:
    return Job(
        id=name,
        stage="recipe",
        name=name,
        state=state,
        requested=requested,
        reason=None,
        done=None,
        total=None,
        eta_s=None,
        attempt=0,
        started_at=None,
        finished_at=None,
        error=None,
        slot="cpu",
        fingerprint="",
        depends_on=depends_on,
        result=None,
        folder=None,
    )


def snapshot(*jobs: Job, running: bool = False, paused: bool = False, slot: SlotUse = CPU) -> Snapshot:
    return Snapshot(
        version=1,
        workspace="w",
        dialogues=DialogueCounts(1, 1, 0),
        supervisor=SupervisorStatus(running, 1 if running else None),
        paused=paused,
        slots=(slot,),
        jobs=jobs,
        config_error=None,
        app=None,
    )


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("waiting", {"cancel"}),
        ("ready", {"cancel"}),
        ("running", {"cancel"}),
        ("done", set()),
        ("failed", {"start", "retry"}),
        ("cancelled", {"start", "retry"}),
    ],
)
def test_what_may_be_done_to_a_requested_job(state: JobState, actions: set[str]) -> None:
    possible = {
        action
        for action in ("start", "cancel", "retry")
        if job_rules.action_problem(action, job("a", state)) is None
    }
    assert possible == actions


def test_a_job_that_nobody_requested_can_only_be_started() -> None:
    new = job("a", requested=False)
    assert job_rules.action_problem("start", new) is None
    assert job_rules.action_problem("cancel", new) == "recipe a was never started: there is nothing to cancel"
    assert "not started" in (job_rules.action_problem("retry", new) or "")
    assert job_rules.action_problem("start", None) == "no job is selected"
    with pytest.raises(ValueError, match="jump"):
        job_rules.action_problem("jump", new)


def test_only_what_is_done_and_in_the_config_is_published() -> None:
    assert job_rules.publish_problem(job("a", "done")) is None
    assert "recipe a is not done (running)" in (job_rules.publish_problem(job("a", "running")) or "")
    old = replace(job("a", "done"), in_config=False)
    assert "a is superseded" in (job_rules.publish_problem(old) or "")


@pytest.mark.parametrize("state", ["waiting", "ready", "done", "failed"])
def test_only_a_running_job_looks_again(state: JobState) -> None:
    assert job_rules.refresh_problem("a", state) is not None
    assert job_rules.refresh_problem("a", "running") is None


def test_when_there_is_something_to_start() -> None:
    assert job_rules.start_all_problem(None) == "the workspace is being read"
    assert "nothing to start" in (job_rules.start_all_problem(snapshot()) or "")
    assert (
        job_rules.start_all_problem(snapshot(job("a"), job("b", "done"))) == "all jobs are requested already"
    )
    ended = snapshot(job("a", "done"), job("b", "stopped"))
    assert job_rules.start_all_problem(ended) == "all jobs are done: there is nothing to start"
    assert job_rules.start_all_problem(snapshot(job("a"), job("b", requested=False))) is None
    assert job_rules.start_all_problem(snapshot(job("a", "failed"))) is None
    broken = replace(snapshot(job("a", requested=False)), config_error="line 3")
    assert job_rules.start_all_problem(broken) == "config.toml is invalid: line 3"


def test_a_job_has_a_log_once_it_ran() -> None:
    assert job_rules.log_problem(None) == "no job is selected"
    assert "has not run yet" in (job_rules.log_problem(job("a")) or "")
    assert job_rules.log_problem(replace(job("a"), attempt=1)) is None


def test_why_a_job_waits() -> None:
    jobs = {one.id: one for one in (job("a", "running"), job("b", "failed"), job("c", "waiting", "a"))}

    def reason(one: Job, slot: SlotUse = CPU, *, paused: bool = False) -> str | None:
        return job_rules.waiting_reason(one, jobs, paused, (slot,))

    assert reason(job("x", "waiting", "a")) == "waits for recipe a"
    assert reason(job("x", "waiting", "a", "b")) == "blocked: recipe b failed"
    jobs["y"] = job("y", "waiting", "b")
    assert reason(job("x", "waiting", "a", "y")) == "blocked: recipe b failed", "at any distance"
    assert reason(job("x", "waiting", "unknown")) is None
    assert reason(job("x", "ready")) is None
    assert reason(job("x", "ready"), paused=True) == "paused"
    assert reason(job("x", "ready"), SlotUse("cpu", 1, 1)) == "waits for a free cpu slot"
    preempted = replace(job("x", "ready"), preempted="its node died")
    assert reason(preempted, SlotUse("cpu", 1, 1)) == "preempted: its node died; waits for a free cpu slot"
    assert reason(preempted) == "preempted: its node died; it continues"
    assert reason(job("x", "waiting", "a", requested=False)) is None
    assert reason(job("x", "running")) is None


def test_what_a_failure_blocks() -> None:
    jobs = [
        job("a", "failed"),
        job("b", "waiting", "a"),
        job("c", "waiting", "b"),
        job("d", "done", "a"),
        job("e", "waiting", "d"),
        job("f", "waiting", "a", requested=False),
    ]
    assert job_rules.blocked_jobs(jobs, ["a"]) == {"b", "c"}
    jobs += [job("g", "cancelled"), job("h", "waiting", "b", "g")]
    assert job_rules.blocked_by_each(jobs, ["a", "g"]) == {"a": {"b", "c", "h"}, "g": {"h"}}
    # A rung has stopped i, whatever became of what it needed.
    jobs += [job("i", "stopped", "a"), job("j", "waiting", "i")]
    assert "j" not in job_rules.blocked_jobs(jobs, ["a"])
    assert (
        job_rules.waiting_reason(jobs[-1], {one.id: one for one in jobs}, False, (CPU,))
        == "waits for recipe i"
    )


def test_when_work_needs_a_supervisor() -> None:
    def needs(*jobs: Job, paused: bool = False, slot: SlotUse = CPU, pending: bool = False) -> bool:
        return job_rules.needs_supervisor(snapshot(*jobs, paused=paused, slot=slot), pending)

    assert needs(job("a", "ready"))
    assert needs(job("a", "running"), paused=True)
    assert needs(job("a", "done"), job("b", "waiting", "a"))
    assert needs(pending=True)
    assert not needs(job("a", "ready"), paused=True)
    assert not needs(job("a", "failed"), job("b", "waiting", "a"))
    assert not needs(job("a", "ready"), slot=SlotUse("cpu", 0, 0))
    assert not needs(job("a", "ready", requested=False))
    assert not job_rules.needs_supervisor(snapshot(job("a", "ready"), running=True), pending=True)


def test_a_job_that_was_asked_to_stop_is_cancelling() -> None:
    stopping = replace(job("a", "running"), cancelling=True)
    assert "is cancelling" in (job_rules.action_problem("cancel", stopping) or "")
    assert "it is cancelling" in (job_rules.action_problem("start", stopping) or "")
    assert job_rules.count_jobs([stopping]) == job_rules.JobCounts(cancelling=1)


def test_which_jobs_end_without_a_person() -> None:
    def movable(*jobs: Job) -> frozenset[str]:
        return job_rules.movable_jobs(jobs, {"cpu"})

    gpu = replace(job("g"), slot="gpu")
    assert movable(job("a", "ready"), job("b", "waiting", "a"), job("c", "done")) == {"a", "b"}
    assert movable(job("a", "failed"), job("b", "waiting", "a"), job("c", "waiting", "b")) == set()
    assert movable(gpu, job("b", "waiting", "g"), job("c")) == {"c"}
    assert movable(replace(gpu, state="running"), job("b", "waiting", "g")) == {"g", "b"}
    assert movable(job("a", requested=False), job("b", "waiting", "a")) == set()
    assert movable(job("a", "waiting", "of an earlier configuration")) == {"a"}
    assert movable(job("a", "done", "b"), job("b", "failed"), job("c", "waiting", "a")) == {"c"}


def test_what_is_done_with_runs() -> None:
    def able(action: job_rules.RunAction, *, requested: bool = True, in_config: bool = True) -> bool:
        return job_rules.run_problem(action, "run", requested=requested, in_config=in_config) is None

    actions: tuple[job_rules.RunAction, ...] = get_args(job_rules.RunAction)
    assert {one for one in actions if able(one)} == {"restore", "tag", "note"}
    assert all(able(one, in_config=False) for one in actions)
    assert not any(able(one, requested=False) for one in actions)


@st.composite
def pipelines(draw: st.DrawFn) -> list[Job]:
    """Jobs of two stages, in any states, each of which may depend on any before it."""
    made: list[Job] = []
    for number in range(draw(st.integers(0, 12))):
        requested = draw(st.booleans())
        # Whoever requests a job requests what it needs.
        before = [one.id for one in made if one.requested or not requested]
        state: JobState = draw(st.sampled_from(get_args(JobState))) if requested else "waiting"
        depends_on = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        made.append(
            replace(
                job(f"j{number}", state, *depends_on, requested=requested),
                stage=draw(st.sampled_from(["recipe", "sft"])),
                cancelling=state == "running" and draw(st.booleans()),
            )
        )
    return made


@given(pipelines())
def test_each_job_counts_once(jobs: list[Job]) -> None:
    counts = job_rules.count_jobs(jobs)
    names = [field.name for field in fields(counts)]
    assert sum(getattr(counts, name) for name in names) == counts.total == len(jobs)
    assert counts.requested == sum(one.requested for one in jobs)
    by_stage = job_rules.counts_by(jobs, lambda one: one.stage).values()
    for name in names:
        assert sum(getattr(one, name) for one in by_stage) == getattr(counts, name), name
    assert sum(by_stage, job_rules.JobCounts()) == counts
    # What is said of a single job agrees with the numbers.
    known = {one.id: one for one in jobs}
    reasons = [job_rules.waiting_reason(one, known, False, (CPU,)) for one in jobs]
    said = sum(
        job_rules.is_blocked(replace(one, reason=reason)) for one, reason in zip(jobs, reasons, strict=True)
    )
    assert said == sum(
        one.id in job_rules.blocked_jobs(jobs, (x.id for x in jobs if x.state in job_rules.UNSUCCESSFUL))
        for one in jobs
        if one.state == "waiting"
    )
    assert said <= counts.blocked


def test_how_far_the_work_is() -> None:
    jobs = [job("a", "done"), job("b", "running"), job("c", "cancelled"), job("d", requested=False)]
    assert job_rules.count_jobs(jobs) == job_rules.JobCounts(done=1, running=1, cancelled=1, not_started=1)
    assert job_rules.job_progress(job("a", "done")) == 1.0
    assert job_rules.job_progress(job("a", "running")) is None
    assert job_rules.job_progress(replace(job("a", "running"), done=1, total=4)) == 0.25
    assert job_rules.job_progress(replace(job("a", "running"), done=5, total=4)) == 1.0
