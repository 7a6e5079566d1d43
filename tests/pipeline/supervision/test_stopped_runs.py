"""Rungs in the supervisor: what they stop ends there, costs nothing, holds nothing up, and can be started."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from core.domain.jobs.job_rules import count_jobs
from core.domain.jobs.results import RungResult
from core.pipeline.rebuilding import rebuild
from core.services.pipeline.completion import completion_of
from core.services.workspace import open_workspace
from core.store import intents
from tests.pipeline.conftest import CONFIG

if TYPE_CHECKING:
    from core.domain.jobs.job import Job
    from tests.pipeline.conftest import SupervisedWorkspace

RUN = "tiny/direct/chatgpt/sft"
RATES = (0.1, 0.2, 0.3, 0.4)
#: The settings of the runs, the best first; the last one fails.
NAMED = tuple(f"sft.learning_rate={rate}" for rate in RATES)
VALUES = dict(zip(NAMED, (0.9, 0.5, 0.2), strict=False))
CONFIGURED = f"""{CONFIG}
[grid.sft]
learning_rate = {list(RATES)}
[rungs]
examples = [4, 8]
reduction_factor = 2
held_out = 2
"""
CONFIGURED = CONFIGURED.replace("[runs]", '[runs]\nstages = ["sft"]')


def rates(values: dict[str, float]) -> dict[str, float]:
    """Comparison of a rung → win rate."""
    return {
        f"tiny/held-out vs {RUN}/{named},examples={examples} @ embedded": value
        for named, value in values.items()
        for examples in (4, 8)
    }


@pytest.fixture
def with_rungs(supervised: SupervisedWorkspace) -> SupervisedWorkspace:
    supervised.workspace.config.write_text(CONFIGURED)
    supervised.set_plan(steps=1, rates=rates(VALUES), fail=[f"sft:{RUN}/{NAMED[3]},examples=4"])
    return supervised


def jobs_of(supervised: SupervisedWorkspace) -> dict[str, Job]:
    with open_workspace(supervised.workspace.root) as workspace:
        return {f"{job.stage}:{job.name}": job for job in workspace.pipeline.snapshot().jobs}


def attempts_of(supervised: SupervisedWorkspace) -> list[tuple[str, int]]:
    return supervised.query("SELECT job, number FROM attempts ORDER BY 1, 2")


def assert_decided(supervised: SupervisedWorkspace) -> None:
    """The best run was trained on all examples, and the others were stopped where they lost."""
    states = supervised.states()
    expected = {
        f"{NAMED[0]},examples=4": "done",
        f"{NAMED[0]},examples=8": "done",
        NAMED[0]: "done",
        f"{NAMED[1]},examples=4": "done",
        f"{NAMED[1]},examples=8": "done",
        NAMED[1]: "stopped",
        f"{NAMED[2]},examples=4": "done",
        f"{NAMED[2]},examples=8": "stopped",
        NAMED[2]: "stopped",
        f"{NAMED[3]},examples=4": "failed",
        f"{NAMED[3]},examples=8": "stopped",
        NAMED[3]: "stopped",
    }
    assert {name: states[f"sft:{RUN}/{name}"] for name in expected} == expected
    assert states[f"compare:tiny vs {RUN}/{NAMED[0]} @ embedded"] == "done"
    assert states[f"compare:tiny vs {RUN}/{NAMED[1]} @ embedded"] == "stopped"
    assert states["rung:tiny/sft/examples=8"] == "done"


def test_the_best_goes_on_and_the_others_stop(with_rungs: SupervisedWorkspace) -> None:
    with_rungs.ask(intents.Start())
    assert with_rungs.finish() == 0, with_rungs.story()
    assert_decided(with_rungs)
    jobs = jobs_of(with_rungs)
    going_on = []
    for examples in (4, 8):
        result = jobs[f"rung:tiny/sft/examples={examples}"].result
        assert isinstance(result, RungResult)
        going_on.append([place.promoted for place in result.places])
    assert going_on == [[True, True, False, False], [True, False]]
    reasons = {name: job.reason for name, job in jobs.items() if job.state == "stopped"}
    assert (
        reasons[f"sft:{RUN}/{NAMED[2]},examples=8"]
        == "stopped at rung 1: 3rd of 4, the best 2 went on (undecided)"
    )
    assert reasons[f"sft:{RUN}/{NAMED[3]}"] == "stopped before rung 2"
    assert reasons[f"sft:{RUN}/{NAMED[1]}"] == "stopped at rung 2: 2nd of 2, the best went on (undecided)"
    assert reasons[f"respond:{RUN}/{NAMED[1]}"] == f"stopped with sft {RUN}/{NAMED[1]}"
    assert not [name for name, job in jobs.items() if job.state == "stopped" and job.attempt]
    counts = count_jobs(tuple(jobs.values()))
    assert counts.total == len(jobs)
    assert counts.stopped == len(reasons) > 0
    # Only what needs the run that failed is blocked.
    assert counts.failed == 1
    assert counts.blocked == 2


def test_a_rerun_does_nothing(with_rungs: SupervisedWorkspace) -> None:
    with_rungs.set_plan(steps=1, rates=rates(VALUES | {NAMED[3]: 0.1}))
    with_rungs.ask(intents.Start())
    assert with_rungs.finish() == 0
    before, events = attempts_of(with_rungs), with_rungs.query("SELECT count(*) FROM events")
    with open_workspace(with_rungs.workspace.root) as workspace:
        snapshot = workspace.pipeline.snapshot()
        assert (ending := completion_of(snapshot, snapshot.jobs)) is not None
        assert ending.ok
    with_rungs.ask(intents.Start())
    assert with_rungs.finish() == 0
    assert attempts_of(with_rungs) == before
    assert with_rungs.query("SELECT count(*) FROM events") == events


def test_decisions_outlive_supervisors_and_the_store(with_rungs: SupervisedWorkspace) -> None:
    with_rungs.ask(intents.Start())
    # Between any two statements: some are within what rungs stop.
    for statements in range(40, 4000, 390):
        with_rungs.finish(kill_at=statements)
    assert with_rungs.finish() == 0
    assert_decided(with_rungs)
    assert set(with_rungs.steps().values()) == {1}
    before = with_rungs.states()
    with_rungs.workspace.state.unlink()
    rebuild.rebuild(with_rungs.workspace)
    assert with_rungs.states() == before
    with_rungs.set_plan(steps=1, rates=rates(VALUES), fail=[f"sft:{RUN}/{NAMED[3]},examples=4"])
    with_rungs.ask(intents.Start())
    assert with_rungs.finish() == 0
    assert with_rungs.states() == before
    done = with_rungs.query("SELECT job FROM attempts WHERE state = 'done'")
    assert set(Counter(done).values()) == {1}, "nothing is done again"


def test_a_stopped_run_starts_if_it_is_named(with_rungs: SupervisedWorkspace) -> None:
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    with_rungs.ask(intents.Retry(with_rungs.id(f"sft:{RUN}/{NAMED[1]}")))
    with_rungs.ask(intents.Start(targets=(f"{RUN}/{NAMED[2]}",)))
    with_rungs.finish()
    # What is requested again, with all others, does not wait for its rung again.
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    states = with_rungs.states()
    for named in (NAMED[1], NAMED[2]):
        assert states[f"sft:{RUN}/{named}"] == "done"
        assert states[f"compare:tiny vs {RUN}/{named} @ embedded"] == "done"
    assert states[f"sft:{RUN}/{NAMED[3]}"] == "stopped"
    assert states[f"sft:{RUN}/{NAMED[2]},examples=8"] == "stopped"


def test_a_store_that_is_made_again_knows_which_runs_ignore_their_rung(
    with_rungs: SupervisedWorkspace,
) -> None:
    name = f"sft:{RUN}/{NAMED[1]}"
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    with_rungs.set_plan(steps=1, hold=[name])
    with_rungs.ask(intents.Retry(with_rungs.id(name)))
    supervisor = with_rungs.supervise()
    with_rungs.until(lambda: with_rungs.id(name) in [job for _, job, _, _ in with_rungs.notes()])
    for process in (supervisor, *with_rungs.workers()):
        process.kill()
        process.wait()
    with_rungs.workspace.state.unlink()
    rebuild.rebuild(with_rungs.workspace)
    (with_rungs.workspace.root / "go").touch()
    with_rungs.ask(intents.Retry(with_rungs.id(name)))
    with_rungs.finish()
    assert with_rungs.states()[name] == "done"


def test_a_rung_without_a_result_fails_and_is_decided_once_there_is_one(
    with_rungs: SupervisedWorkspace,
) -> None:
    small = [f"sft:{RUN}/{named},examples=4" for named in NAMED]
    with_rungs.set_plan(steps=1, fail=small)
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    states = with_rungs.states()
    assert states["rung:tiny/sft/examples=4"] == "failed"
    assert "no run of rung 1 has a win rate" in str(with_rungs.error("rung:tiny/sft/examples=4"))
    assert "stopped" not in states.values()
    with_rungs.set_plan(steps=1, rates=rates({**VALUES, NAMED[3]: 1.0}))
    with_rungs.ask(intents.Retry(with_rungs.id("rung:tiny/sft/examples=4")))
    with_rungs.finish()
    states = with_rungs.states()
    assert states[f"sft:{RUN}/{NAMED[3]}"] == "done"
    assert states[f"sft:{RUN}/{NAMED[0]}"] == "stopped"


def test_another_run_is_measured_with_the_old_ones_and_may_win(with_rungs: SupervisedWorkspace) -> None:
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    better = "sft.learning_rate=0.8"
    with_rungs.workspace.config.write_text(CONFIGURED.replace(str(list(RATES)), str([*RATES, 0.8])))
    with_rungs.set_plan(
        steps=1, rates=rates({**VALUES, better: 0.95}), fail=[f"sft:{RUN}/{NAMED[3]},examples=4"]
    )
    before = attempts_of(with_rungs)
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    jobs = jobs_of(with_rungs)
    states = {name: job.state for name, job in jobs.items()}
    assert states[f"sft:{RUN}/{better}"] == "done"
    # Three of five go on from the first rung now, and two from the second.
    assert states[f"sft:{RUN}/{NAMED[2]},examples=8"] == "stopped"
    assert states[f"sft:{RUN}/{NAMED[0]}"] == "done"
    assert states[f"sft:{RUN}/{NAMED[1]}"] == "stopped"
    assert jobs[f"sft:{RUN}/{NAMED[0]}"].attempt == 1
    assert set(before) <= set(attempts_of(with_rungs))
    with_rungs.workspace.config.write_text(CONFIGURED.replace("examples = [4, 8]", ""))
    with_rungs.ask(intents.Start())
    with_rungs.finish()
    after = with_rungs.states()
    assert {after[f"sft:{RUN}/{named}"] for named in NAMED} == {"done"}, "without rungs all start"
