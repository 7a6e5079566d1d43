"""Jobs on a Ray cluster of three nodes on this machine, of which one dies; needs the extra `ray`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.config.schema import EngineConfig
from core.pipeline.engines import remote
from core.store import intents
from tests.pipeline.conftest import CONFIG, Rows, SupervisedWorkspace, import_into
from tests.pipeline.engines import two_nodes
from tests.pipeline.engines.played_cluster import HIDING, can_hide
from tests.support import tiny_student
from tests.support.processes import supervising
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.records.training_attempts import TrainingInputs
from tests.support.servers import storages
from tests.support.servers.ray_nodes import RayNodes

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: the extra `ray`")

ROOT = Path(__file__).parents[3]
RECIPE = "recipe:direct/chatgpt"
JUDGE = "judge:embedded"
SFT = "sft:tiny/direct/chatgpt/sft"


@pytest.fixture(scope="module")
def ray_nodes() -> Iterator[RayNodes]:
    nodes = RayNodes()
    nodes.add()
    nodes.add()
    yield nodes
    nodes.close()


@pytest.fixture
def on_ray(ray_nodes: RayNodes, make_supervised: Callable[[], SupervisedWorkspace]) -> SupervisedWorkspace:
    supervised = make_supervised()
    supervised.workspace.config.write_text(
        f'{CONFIG}\n[engines.cluster]\ntype = "ray"\naddress = "{ray_nodes.address}"\n'
        f'env = {{ PYTHONPATH = "{ROOT}" }}\n'
    )
    return supervised


def task(supervised: SupervisedWorkspace, name: str, attempt: int) -> str:
    """The Ray job of an attempt."""
    return (supervised.workspace.attempt(supervised.id(name), attempt) / remote.ID).read_text()


def test_the_rows_are_those_of_local_workers_although_a_node_dies_and_a_supervisor_too(
    ray_nodes: RayNodes, on_ray: SupervisedWorkspace, undisturbed_rows: Rows
) -> None:
    from core.pipeline.engines.ray_cluster import RayCluster

    on_ray.set_plan(hold=[SFT])
    on_ray.ask(intents.Start(engine="cluster"))
    first = on_ray.supervise()
    on_ray.until_state(RECIPE, "done")
    on_ray.until(lambda: on_ray.id(SFT) in [job for _, job, _, _ in on_ray.notes()])
    # The next supervisor takes the attempt over: it is not started again.
    first.kill()
    first.wait()
    second = on_ray.supervise()
    assert ray_nodes.kill_node_of(task(on_ray, SFT, 1))
    on_ray.until(lambda: (1, "preempted") in on_ray.attempts(SFT))
    (on_ray.workspace.root / "go").touch()
    assert on_ray.wait(second) == 0, on_ray.story()
    assert on_ray.attempts(SFT) == [(1, "preempted"), (2, "done")]
    assert on_ray.query("SELECT error FROM attempts WHERE is_preempted") == [
        ("its worker ended with its node lost",)
    ]
    assert on_ray.query("SELECT DISTINCT engine FROM attempts") == [("cluster",)]
    assert on_ray.rows() == undisturbed_rows
    assert set(on_ray.steps().values()) == {1}
    on_ray.assert_journals_are_in()
    assert len(RayCluster(EngineConfig(type="ray", address=ray_nodes.address)).lost_nodes()) == 1


def test_what_runs_and_what_waits_in_the_cluster_can_be_cancelled(
    ray_nodes: RayNodes, on_ray: SupervisedWorkspace
) -> None:
    on_ray.set_plan(hold=[RECIPE, JUDGE])
    text = on_ray.workspace.config.read_text()
    on_ray.workspace.config.write_text(f"{text}[engines.cluster.resources.cpu]\nnum_cpus = 4\n")
    ray_nodes.add(num_cpus=4)
    on_ray.ask(intents.Start(targets=("recipe", "judge"), engine="cluster"))
    supervisor = on_ray.supervise()
    on_ray.until(lambda: bool(on_ray.notes()))
    on_ray.until(lambda: len(on_ray.query("SELECT job FROM attempts WHERE queue LIKE 'waits for%'")) == 1)
    for name in (RECIPE, JUDGE):
        on_ray.ask(intents.Cancel(on_ray.id(name)))
    assert on_ray.wait(supervisor) == 0, on_ray.story()
    assert {name: on_ray.states()[name] for name in (RECIPE, JUDGE)} == {
        RECIPE: "cancelled",
        JUDGE: "cancelled",
    }


def test_a_node_that_does_not_see_the_folder_is_refused(on_ray: SupervisedWorkspace, tmp_path: Path) -> None:
    # It has the folder, as all nodes of this machine do; what shows it is that the worker left no log in it.
    blind = tmp_path / "blind"
    blind.write_text('#!/bin/sh\nrm "$4/log.txt"\nexit 1\n')
    blind.chmod(0o755)
    text = on_ray.workspace.config.read_text()
    on_ray.workspace.config.write_text(f'{text}python = "{blind}"\n')
    on_ray.ask(intents.Start(targets=("recipe",), engine="cluster"))
    assert on_ray.finish() == 0
    assert "did not see" in (on_ray.error(RECIPE) or "")
    assert on_ray.attempts(RECIPE) == [(1, "failed")]


def test_a_run_on_two_gpus_gets_both_on_one_node(ray_nodes: RayNodes, on_ray: SupervisedWorkspace) -> None:
    # Ray hands out GPUs by number, whether they are there or not.
    ray_nodes.add(num_gpus=1)
    ray_nodes.add(num_gpus=2)
    text = on_ray.workspace.config.read_text()
    text = text.replace("cpu = 2", "cpu = 2\ngpu = 2")
    on_ray.workspace.config.write_text(text.replace('device = "cpu"', 'device = "cuda"\ngpus_per_run = 2'))
    on_ray.ask(intents.Start(targets=("recipe", SFT), engine="cluster"))
    assert on_ray.finish() == 0, on_ray.story()
    assert on_ray.attempts(SFT) == [(1, "done")]
    visible = on_ray.workspace.attempt(on_ray.id(SFT), 1) / "visible_devices"
    assert visible.read_text() == "0,1"


def test_a_run_over_two_nodes_trains_as_one_process_does(ray_nodes: RayNodes, made: TrainingInputs) -> None:
    from core.pipeline.engines.ray_cluster import RayCluster

    config = EngineConfig(type="ray", address=ray_nodes.address, env={"PYTHONPATH": str(ROOT)})
    two_nodes.check(RayCluster(config), config, made)


def test_a_run_over_two_nodes_continues_on_others_when_one_dies(
    ray_nodes: RayNodes, made: TrainingInputs
) -> None:
    from core.pipeline.engines.ray_cluster import RayCluster

    ray_nodes.add(num_cpus=1)
    ray_nodes.add(num_cpus=1)
    config = EngineConfig(type="ray", address=ray_nodes.address, env={"PYTHONPATH": str(ROOT)})
    two_nodes.check_that_it_continues(RayCluster(config), config, made)


REAL = """
[students.tiny]
model = "{tiny}"
[recipes]
train = ["direct/chatgpt"]
[runs]
device = "cpu"
stages = ["sft"]
[sft]
num_train_epochs = 1
[responding]
max_new_tokens = 16
[judges.embedded]
provider = "embedded"
"""


def test_nodes_that_do_not_see_the_workspace_do_real_jobs(ray_nodes: RayNodes, tmp_path: Path) -> None:
    config = REAL.format(tiny=tiny_student.make(tmp_path / "tiny"))
    local, far = (_with_real_dialogues(tmp_path / name) for name in ("local", "far"))
    blind = tmp_path / "blind"
    hide = shlex.join([*HIDING, str(far.workspace.root)]) if can_hide() else ""
    with storages.storage(storages.most_real(), tmp_path) as url:
        names = ("PYTHONPATH", "HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
        # As if the nodes had them.
        given = [f"export {name}={shlex.quote(os.environ[name])}" for name in names if name in os.environ]
        blind.write_text("\n".join(["#!/bin/sh", *given, f'exec {hide} {sys.executable} "$@"', ""]))
        blind.chmod(0o755)
        local.workspace.config.write_text(config)
        far.workspace.config.write_text(
            f'{config}[engines.cluster]\ntype = "ray"\naddress = "{ray_nodes.address}"\nstorage = "{url}"\n'
            f'python = "{blind}"\n'
        )
        with _does_all(local, None), _does_all(far, "cluster"):
            pass
    assert set(far.query("SELECT engine FROM attempts")) == {("cluster",)}
    assert all(state == "done" for (state,) in far.query("SELECT state FROM attempts"))
    wanted, got = local.rows(), far.rows()
    for table in ("responses", "verdicts"):
        assert got[table] == wanted[table]
    outputs = {(job, name) for job, name, *_ in wanted["artifacts"]}
    assert {(job, name) for job, name, *_ in got["artifacts"]} == outputs
    assert [row[:2] for row in got["metrics"]] == [row[:2] for row in wanted["metrics"]]
    for (*_, one), (*_, two) in zip(got["metrics"], wanted["metrics"], strict=True):
        assert json.loads(one)["loss"] == json.loads(two)["loss"]


def _with_real_dialogues(root: Path) -> SupervisedWorkspace:
    root.mkdir()
    return SupervisedWorkspace(import_into(root, synthetic_dialogues(rows=48)))


@contextmanager
def _does_all(supervised: SupervisedWorkspace, engine: str | None) -> Iterator[None]:
    """Do all jobs of a workspace until the end of the block."""
    with supervising.supervised(supervised.workspace.root, loaded="models"):
        supervised.ask(intents.Start(engine=engine))
        yield
        supervised.until(lambda: set(supervised.states().values()) == {"done"})
