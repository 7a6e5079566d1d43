"""An engine on a cluster that is played: lost places, silence, a cluster out of reach, other supervisors."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config.schema import EngineConfig, EngineResources
from core.domain import packages
from core.domain.jobs.engines import ResourceUse
from core.jobs import journal, spec
from core.jobs.context import FENCE
from core.jobs.records import Heartbeat
from core.pipeline.engines import clusters
from core.pipeline.engines.cluster import TaskState
from core.pipeline.engines.engine import Ending
from core.pipeline.supervision import job_starter
from core.pipeline.workers import heartbeat, worker
from core.services.workspace import open_workspace
from core.store import intents
from tests.pipeline.engines.played_cluster import RECIPE, Played
from tests.support import waiting
from tests.support.records import job_attempts, made_settings

SFT = "sft:tiny/direct/chatgpt/sft"
BASE = "respond:tiny"
NODE_LOST = TaskState(runs=True, ending=Ending("with its node lost", is_preempted=True))
RUNS = TaskState(runs=True)


def test_a_place_taken_away_is_no_failure_however_often(played: Played) -> None:
    played.cluster.next_states = [NODE_LOST] * 7
    played.finish()
    states = [state for _, state in played.supervised.attempts(RECIPE)]
    assert states == ["preempted"] * 7 + ["done"]
    assert "its node lost" in str(played.supervised.query("SELECT text FROM events"))
    snapshot = open_workspace(played.supervised.workspace.root).pipeline.snapshot()
    (job,) = (job for job in snapshot.jobs if job.state == "done")
    assert (job.engine, job.queue) == ("far", None)
    assert job.node is not None
    (use,) = snapshot.engines
    assert (use.name, use.problem) == ("far", None)
    assert (use.resources, use.lost_nodes) == ((ResourceUse("GPU", 3, 8),), ("node-7",))


def test_a_job_that_gets_nowhere_does_not_use_the_cluster_for_ever(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_starter, "MAX_PREEMPTED", 3)
    played.cluster.next_states = [NODE_LOST] * 9
    played.finish()
    assert "3 times in a row" in (played.supervised.error(RECIPE) or "")
    # It stays failed where state.db is made again.
    played.lose_store()
    assert played.supervised.states()[RECIPE] == "failed"
    assert "3 times in a row" in (played.supervised.error(RECIPE) or "")
    played.supervised.ask(intents.Retry(played.supervised.id(RECIPE)))
    played.tick()
    played.finish()
    assert len(played.supervised.attempts(RECIPE)) == 6


@pytest.mark.parametrize("unprepared", [[], [RECIPE]])
def test_a_worker_that_has_to_give_its_slot_back_has_not_failed(
    played: Played, unprepared: list[str]
) -> None:
    # With the signal in time, it says so itself; before that, its exit code does.
    played.supervised.set_plan(preempt={RECIPE: [1] * 7}, unprepared=unprepared)
    played.finish()
    states = [state for _, state in played.supervised.attempts(RECIPE)]
    assert states == ["preempted"] * 7 + ["done"]


def test_giving_slots_back_does_not_go_on_for_ever(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_starter, "MAX_PREEMPTED", 3)
    played.supervised.set_plan(preempt={RECIPE: [0] * 9})
    played.finish()
    assert "3 times in a row" in (played.supervised.error(RECIPE) or "")
    assert [state for _, state in played.supervised.attempts(RECIPE)] == ["preempted", "preempted", "failed"]


def test_a_rebuilt_job_stays_on_the_engine_that_was_requested(played: Played) -> None:
    played.cluster.next_states = [RUNS]
    played.until(lambda: played.supervised.attempts(RECIPE) == [(1, "running")])
    requested = "SELECT requested_at, engine FROM jobs WHERE id = ?"
    before = played.supervised.query(requested, played.supervised.id(RECIPE))
    played.lose_store()
    assert played.supervised.attempts(RECIPE) == [(1, "running")]
    assert played.supervised.query(requested, played.supervised.id(RECIPE)) == before
    assert before[0][1] == "far"


def test_what_is_shown_of_a_job_whose_node_is_lost(played: Played) -> None:
    played.cluster.next_states = [NODE_LOST]
    played.until(lambda: played.supervised.attempts(RECIPE) == [(1, "running")])
    played.supervised.ask(intents.Pause())
    played.until(lambda: played.supervised.states()[RECIPE] == "ready")
    snapshot = open_workspace(played.supervised.workspace.root).pipeline.snapshot()
    (job,) = (job for job in snapshot.jobs if job.state == "ready")
    assert job.reason == "preempted: its worker ended with its node lost; paused"


def test_a_run_on_two_gpus_reserves_them_and_takes_two_places(played: Played) -> None:
    config = played.supervised.workspace.config
    text = config.read_text().replace("cpu = 2", "cpu = 2\ngpu = 2")
    text = text.replace('device = "cpu"', 'device = "cuda"\ngpus_per_run = 2')
    config.write_text(f"{text}[engines.far.resources.gpu]\nnum_cpus = 4\nmemory_gb = 10\n")
    played.supervised.set_plan(hold=[SFT])
    played.supervised.ask(intents.Start(targets=(SFT,), engine="far"))
    played.until(lambda: played.supervised.states().get(SFT) == "running")
    played.supervised.ask(intents.Start(targets=(BASE,), engine="far"))
    played.until(lambda: played.supervised.states().get(BASE) == "ready")
    played.tick()
    snapshot = open_workspace(played.supervised.workspace.root).pipeline.snapshot()
    assert [slot.used for slot in snapshot.slots if slot.name == "gpu"] == [2]
    assert played.supervised.states()[BASE] == "ready"
    (played.supervised.workspace.root / "go").touch()
    played.until(lambda: played.supervised.states()[BASE] == "done")
    needs = {task.folder.parent.name: task.resources for task in played.cluster.tasks}
    run, base = needs[played.supervised.id(SFT)], needs[played.supervised.id(BASE)]
    assert (run.num_gpus, run.num_cpus, run.memory_gb) == (2, 8, 20)
    assert (base.num_gpus, base.num_cpus, base.memory_gb) == (1, 4, 10)
    assert spec.read(played.supervised.workspace.attempt(played.supervised.id(SFT), 1)).threads == 8


@pytest.mark.parametrize(("num_gpus", "of_two"), [(0, 0), (0.5, 2), (1, 2), (2, 4)])
def test_each_process_of_a_run_has_a_whole_gpu_where_gpus_are_counted(num_gpus: float, of_two: float) -> None:
    config = EngineConfig(type="ray", resources={"gpu": EngineResources(num_gpus=num_gpus)})
    assert clusters.resources(config, "gpu").num_gpus == num_gpus
    assert clusters.resources(config, "gpu", 2).num_gpus == of_two


def test_a_worker_that_gives_no_sign_of_life_is_lost_and_fenced(played: Played) -> None:
    played.configure(lost_after_s=0.2)
    played.cluster.next_states = [RUNS]
    played.until(lambda: bool(played.cluster.stopped))
    assert (played.folder(1) / FENCE).exists()
    played.configure(lost_after_s=60)
    played.finish()
    assert played.supervised.attempts(RECIPE)[0] == (1, "preempted")
    assert played.supervised.states()[RECIPE] == "done"
    # What the old attempt's worker writes now, nobody reads.
    newest, _ = played.supervised.attempts(RECIPE)[-1]
    records = (played.folder(newest) / journal.NAME).read_bytes()
    (played.folder(1) / journal.NAME).write_bytes(records)
    before = played.supervised.rows()
    played.tick()
    assert played.supervised.rows() == before


def test_a_cluster_out_of_reach_delays_its_jobs_and_says_so(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.engines.remote._RETRY_S", 0.01)
    played.cluster.problem = "far away"
    played.until(lambda: played.supervised.query("SELECT queue FROM attempts") == [("far away",)])
    played.cluster.problem = None
    played.finish()
    assert played.supervised.attempts(RECIPE) == [(1, "done")]


def test_another_supervisor_takes_attempts_over(played: Played) -> None:
    played.supervised.set_plan(hold=[RECIPE])
    played.until(lambda: bool(played.supervised.notes()))
    played.end_supervisor()
    played.supervisor = played.make_supervisor()
    for _ in range(5):
        played.tick()
    (played.supervised.workspace.root / "go").touch()
    played.finish()
    assert played.supervised.attempts(RECIPE) == [(1, "done")]


def test_an_attempt_that_was_never_submitted_is_started_again(played: Played) -> None:
    played.cluster.problem = "far away"
    played.until(lambda: played.supervised.query("SELECT number FROM attempts") == [(1,)])
    played.end_supervisor()
    played.cluster.problem = None
    played.supervisor = played.make_supervisor()
    played.finish()
    assert played.supervised.attempts(RECIPE) == [(1, "preempted"), (2, "done")]
    # Should it have been submitted all the same: its worker ends before it begins.
    assert worker.main(played.folder(1)) == 1
    assert not (played.folder(1) / journal.NAME).exists()


def test_a_cancelled_job_stops_through_its_folder(played: Played) -> None:
    played.supervised.set_plan(hold=[RECIPE])
    played.until(lambda: bool(played.supervised.notes()))
    played.supervised.ask(intents.Cancel(played.supervised.id(RECIPE)))
    played.finish()
    assert played.supervised.attempts(RECIPE) == [(1, "cancelled")]
    assert not played.cluster.stopped


def test_a_refused_job_fails_with_the_reason(played: Played) -> None:
    played.cluster.refusal = "no such partition"
    played.finish()
    assert played.supervised.error(RECIPE) == "far refuses the job: no such partition"


def test_a_worker_whose_place_was_taken_ends_by_itself(played: Played) -> None:
    played.supervised.set_plan(hold=[RECIPE])
    played.until(lambda: bool(played.supervised.notes()))
    (played.folder(1) / FENCE).touch()
    played.until(lambda: len(played.supervised.attempts(RECIPE)) == 2)
    assert played.supervised.attempts(RECIPE)[0] == (1, "preempted")


def test_a_worker_writes_heartbeats_until_its_place_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0)
    monkeypatch.setattr(heartbeat, "_LOOK_S", 0.01)
    folder = job_attempts.attempt(tmp_path / "1", [], made_settings.recipe())
    job = job_attempts.context(folder)
    with heartbeat.HeartbeatThread(job):
        waiting.wait_until(
            lambda: len(job_attempts.found(folder, Heartbeat)) > 2,
            "heartbeats",
            progress=waiting.file_sizes(tmp_path),
        )
        assert not job.stop.is_set()
        (folder / FENCE).touch()
        assert job.stop.wait(waiting.LIMIT_S)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("near", "config.toml has no [engines.near]; there are: local, far"),
        ("far", "the engine 'far' needs the package ray, which is not installed: `uv pip install"),
    ],
)
def test_an_engine_that_cannot_be_used_is_refused_at_once(
    played: Played, monkeypatch: pytest.MonkeyPatch, engine: str, words: str
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    intent = played.supervised.ask(intents.Start(targets=("recipe",), engine=engine))
    played.supervisor.tick()
    assert words in (played.supervised.outcome(intent).error or "")
