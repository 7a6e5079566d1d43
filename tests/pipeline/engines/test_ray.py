"""Jobs on a Ray cluster of three nodes on this machine, of which one dies; needs the extra `ray`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.pipeline.engines import remote
from core.store import intents
from tests.pipeline.conftest import CONFIG, Rows

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: the extra `ray`")

ROOT = Path(__file__).parents[3]
RECIPE = "recipe:direct/chatgpt"
JUDGE = "judge:embedded"
SFT = "sft:tiny/direct/chatgpt/sft"
#: A dead node is known after two seconds instead of twenty.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}


class RayNodes:
    """A head without CPUs, and nodes with two each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": True, "dashboard_port": 0, "_system_config": QUICK}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes: list[Any] = []
        self.add()
        self.add()
        self.address = f"http://{self.cluster.head_node.webui_url}"

    def add(self, num_cpus: int = 2) -> None:
        self.nodes.append(self.cluster.add_node(num_cpus=num_cpus))

    def runs(self) -> dict[str, str]:
        """Ray job → the id of the node on which it runs."""
        from ray.job_submission import JobSubmissionClient

        jobs = JobSubmissionClient(self.address).list_jobs()
        return {
            str(job.submission_id): str(job.driver_node_id)
            for job in jobs
            if job.status == "RUNNING" and job.driver_node_id
        }

    def kill_node_of(self, task: str) -> None:
        """Kill the processes of the node that runs a Ray job, and what they have started."""
        node = next(node for node in self.nodes if node.node_id == self.runs()[task])
        self.nodes.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self.cluster.shutdown()


@pytest.fixture(scope="module")
def ray_nodes() -> Iterator[RayNodes]:
    nodes = RayNodes()
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
    on_ray.set_plan(hold=[SFT])
    on_ray.ask(intents.Start(engine="cluster"))
    first = on_ray.supervise()
    on_ray.until_state(RECIPE, "done")
    on_ray.until(lambda: on_ray.id(SFT) in [job for _, job, _, _ in on_ray.notes()])
    # The next supervisor takes the attempt over: it is not started again.
    first.kill()
    first.wait()
    second = on_ray.supervise()
    ray_nodes.kill_node_of(task(on_ray, SFT, 1))
    on_ray.until(lambda: (1, "lost") in on_ray.attempts(SFT))
    (on_ray.workspace.root / "go").touch()
    assert on_ray.wait(second) == 0, on_ray.story()
    assert on_ray.attempts(SFT) == [(1, "lost"), (2, "done")]
    assert on_ray.query("SELECT DISTINCT engine, is_place_lost FROM attempts WHERE state = 'lost'") == [
        ("cluster", 1)
    ]
    assert on_ray.query("SELECT DISTINCT engine FROM attempts") == [("cluster",)]
    assert on_ray.rows() == undisturbed_rows
    assert set(on_ray.steps().values()) == {1}
    on_ray.assert_journals_are_in()


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
    # It has the folder, as all nodes of this machine do; what tells is that the worker left no log in it.
    blind = tmp_path / "blind"
    blind.write_text('#!/bin/sh\nrm "$4/log.txt"\nexit 1\n')
    blind.chmod(0o755)
    text = on_ray.workspace.config.read_text()
    on_ray.workspace.config.write_text(f'{text}python = "{blind}"\n')
    on_ray.ask(intents.Start(targets=("recipe",), engine="cluster"))
    assert on_ray.finish() == 0
    assert "did not see" in (on_ray.error(RECIPE) or "")
    assert on_ray.attempts(RECIPE) == [(1, "failed")]
