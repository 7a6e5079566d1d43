"""Jobs under a Slurm of two nodes on this machine; needs the extra `slurm`, Slurm and munge."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.config.schema import EngineConfig, EngineResources
from core.pipeline.engines.cluster import Task, UnreachableError
from core.pipeline.storage.storage import Storage
from core.store import intents
from tests.pipeline.conftest import CONFIG, Rows
from tests.pipeline.engines import two_nodes
from tests.pipeline.engines.played_cluster import HIDING, can_hide
from tests.pipeline.workers import counting_stage
from tests.support import waiting
from tests.support.records.training_attempts import TrainingInputs
from tests.support.servers import slurm_loopback, storages

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

pytestmark = [
    pytest.mark.skipif(find_spec("submitit") is None, reason="submitit is not installed: the extra `slurm`"),
    pytest.mark.skipif(
        slurm_loopback.missing() is not None, reason=slurm_loopback.missing() or "there is Slurm"
    ),
]

ROOT = Path(__file__).parents[3]
RECIPE = "recipe:direct/chatgpt"
SFT = "sft:tiny/direct/chatgpt/sft"


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    # Not pytest's folder: the path of a socket has a limit.
    with tempfile.TemporaryDirectory(prefix="slurm") as folder, slurm_loopback.slurm(Path(folder)) as found:
        yield found


@pytest.fixture
def on_slurm(
    cluster: dict[str, str],
    make_supervised: Callable[[], SupervisedWorkspace],
    monkeypatch: pytest.MonkeyPatch,
) -> SupervisedWorkspace:
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    supervised = make_supervised()
    supervised.workspace.config.write_text(
        f'{CONFIG}\n[slot_engines]\ncpu = "hpc"\n'
        f'[engines.hpc]\ntype = "slurm"\npartition = "low"\narray = true\nenv = {{ PYTHONPATH = "{ROOT}" }}\n'
    )
    return supervised


def test_the_rows_are_those_of_local_workers_although_a_job_is_preempted(
    on_slurm: SupervisedWorkspace, undisturbed_rows: Rows
) -> None:
    on_slurm.set_plan(hold=[SFT])
    on_slurm.ask(intents.Start())
    supervisor = on_slurm.supervise()
    on_slurm.until(
        lambda: any(job.startswith("sft-") and what == "begin" for _, job, _, what in on_slurm.notes())
    )
    # All CPUs for others: Slurm takes the job's place away, and gives it back when they have ended.
    other = subprocess.Popen(["srun", "-p", "high", "-N2", "-n4", "sleep", "3"])
    on_slurm.until(lambda: (1, "preempted") in on_slurm.attempts(SFT))
    assert waiting.wait_for_exit(other, progress=on_slurm.progress()) == 0
    (on_slurm.workspace.root / "go").touch()
    assert on_slurm.wait(supervisor) == 0, on_slurm.story()
    assert on_slurm.attempts(SFT) == [(1, "preempted"), (2, "done")]
    # Slurm may have taken the place of another job as well.
    preempted = "SELECT engine, error FROM attempts WHERE is_preempted AND job = ?"
    assert on_slurm.query(preempted, on_slurm.id(SFT)) == [("hpc", "it gave its slot back")]
    assert on_slurm.rows() == undisturbed_rows
    assert set(on_slurm.steps().values()) == {1}


def test_a_job_on_nodes_that_do_not_see_the_workspace_is_preempted_and_continues(
    on_slurm: SupervisedWorkspace,
    undisturbed_rows: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace, blind = on_slurm.workspace, tmp_path / "blind"
    # Not all of the workspace: the counting stage follows a plan in it.
    hide = shlex.join([*HIDING, str(workspace.artifacts)]) if can_hide() else ""
    blind.write_text(f'#!/bin/sh\nexec {hide} {sys.executable} "$@"\n')
    blind.chmod(0o755)
    monkeypatch.setenv(counting_stage.ROOT, str(workspace.root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    on_slurm.set_plan(hold=[SFT])
    with storages.storage(storages.most_real(), tmp_path) as url:
        text = workspace.config.read_text()
        workspace.config.write_text(f'{text}storage = "{url}"\npython = "{blind}"\n')
        on_slurm.ask(intents.Start(targets=(SFT,)))
        supervisor = on_slurm.supervise()
        on_slurm.until(
            lambda: any(job.startswith("sft-") and what == "begin" for _, job, _, what in on_slurm.notes())
        )
        other = subprocess.Popen(["srun", "-p", "high", "-N2", "-n4", "sleep", "3"])
        on_slurm.until(lambda: (1, "preempted") in on_slurm.attempts(SFT))
        assert waiting.wait_for_exit(other, progress=on_slurm.progress()) == 0
        (workspace.root / "go").touch()
        assert on_slurm.wait(supervisor) == 0, on_slurm.story()
        parent, _, folder = url.rpartition("/")
        assert Storage(parent).sizes(folder) == {}
    assert on_slurm.attempts(SFT) == [(1, "preempted"), (2, "done")]
    assert set(on_slurm.query("SELECT engine FROM attempts")) == {("hpc",)}
    assert set(on_slurm.steps().values()) == {1}
    done = {job for (job,) in on_slurm.query("SELECT id FROM jobs")}
    for table in ("artifacts", "metrics", "responses"):
        assert on_slurm.rows()[table] == [row for row in undisturbed_rows[table] if row[0] in done]
    assert list((tmp_path / "cache/empathy-tui/slurm").iterdir())


def test_a_time_limit_is_no_failure(on_slurm: SupervisedWorkspace) -> None:
    text = on_slurm.workspace.config.read_text()
    # Slurm's signal comes two minutes before the limit: at once.
    limited = text.replace("array = true", "array = true\ntime_limit_minutes = 2")
    on_slurm.workspace.config.write_text(limited)
    on_slurm.set_plan(hold=[RECIPE])
    on_slurm.ask(intents.Start(targets=("recipe",)))
    supervisor = on_slurm.supervise()
    on_slurm.until(lambda: bool(on_slurm.notes()))
    on_slurm.until(lambda: (1, "preempted") in on_slurm.attempts(RECIPE))
    on_slurm.workspace.config.write_text(text)
    (on_slurm.workspace.root / "go").touch()
    assert on_slurm.wait(supervisor) == 0, on_slurm.story()
    states = [state for _, state in on_slurm.attempts(RECIPE)]
    # It may have been started again before the limit was raised.
    assert {*states[:-1]} == {"preempted"}
    assert states[-1] == "done"
    assert set(on_slurm.steps().values()) == {1}


def test_a_job_moves_when_its_node_goes_down(on_slurm: SupervisedWorkspace) -> None:
    def printed(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    on_slurm.set_plan(hold=[RECIPE])
    on_slurm.ask(intents.Start(targets=("recipe",)))
    supervisor = on_slurm.supervise()
    on_slurm.until(lambda: bool(on_slurm.notes()))
    node = printed("squeue", "-h", "-t", "R", "-o", "%N").strip()
    printed("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=gone")
    on_slurm.until(lambda: (1, "preempted") in on_slurm.attempts(RECIPE))
    # The node's daemon lives, and brings it back.
    (on_slurm.workspace.root / "go").touch()
    assert on_slurm.wait(supervisor) == 0, on_slurm.story()
    assert on_slurm.attempts(RECIPE) == [(1, "preempted"), (2, "done")]
    assert set(on_slurm.steps().values()) == {1}


@pytest.mark.skipif(Path("/etc/slurm/slurm.conf").exists(), reason="Slurm is configured on this machine")
def test_a_slurm_whose_configuration_cannot_be_fetched_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.pipeline.engines.slurm_cluster import SlurmCluster

    monkeypatch.delenv("SLURM_CONF", raising=False)
    found = SlurmCluster(EngineConfig(type="slurm"), tmp_path)
    task = Task("task", tmp_path, tmp_path, ("true",), {}, EngineResources(), places=1)
    with pytest.raises(UnreachableError, match="Slurm does not answer"):
        list(found.submit([task]))


def test_nodes_that_are_down_or_do_not_answer_are_lost(cluster: dict[str, str], tmp_path: Path) -> None:
    from core.pipeline.engines.slurm_cluster import SlurmCluster, lost_in

    states = ("idle", "down", "down*", "idle*", "allocated", "drained", "fail", "down")
    text = "".join(f"n{number}|{state}\n" for number, state in enumerate(states))
    assert lost_in(f"{text}n7|down\n") == ("n1", "n2", "n3", "n6", "n7")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in cluster.items():
            patched.setenv(name, value)
        assert set(SlurmCluster(EngineConfig(type="slurm"), tmp_path).lost_nodes()) <= {"n1", "n2"}


def test_what_slurm_refuses_fails_with_its_reason(on_slurm: SupervisedWorkspace) -> None:
    text = on_slurm.workspace.config.read_text()
    on_slurm.workspace.config.write_text(text.replace('"low"', '"none"'))
    on_slurm.ask(intents.Start(targets=("recipe",)))
    assert on_slurm.finish() == 0
    assert "hpc refuses the job" in (on_slurm.error(RECIPE) or "")
    assert "partition" in (on_slurm.error(RECIPE) or "")


@pytest.mark.parametrize(
    ("gres", "of_two"),
    [("gpu", "gpu:2"), ("gpu:a100", "gpu:a100:2"), ("gpu:a100:1,nvme:3", "gpu:a100:2,nvme:6")],
)
def test_generic_resources_are_multiplied_by_the_gpus_of_a_run(gres: str, of_two: str) -> None:
    from core.pipeline.engines.slurm_cluster import for_places

    assert for_places(gres, 2) == of_two
    assert for_places("gpu:a100:1", 1) == "gpu:a100:1"


def test_a_run_over_two_nodes_trains_as_one_process_does(
    cluster: dict[str, str], made: TrainingInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.pipeline.engines.slurm_cluster import SlurmCluster

    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    config = EngineConfig(type="slurm", env={"PYTHONPATH": str(ROOT)})
    two_nodes.check(SlurmCluster(config, tmp_path / "submitit"), config, made)
