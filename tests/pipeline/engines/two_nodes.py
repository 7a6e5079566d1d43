"""A run of two ranks over two nodes of a cluster, beside one of one process."""

from __future__ import annotations

import sys
from pathlib import Path

from core.config.schema import EngineConfig, EngineResources
from core.jobs.records import Done, Failed, Metric
from core.pipeline.engines.cluster import Cluster, Task
from core.pipeline.engines.engine import Ending
from core.training.saving import checkpoints
from tests.support import waiting
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.distributed.test_nodes import OF_TWO_NODES
from tests.training.distributed.test_ranks import OF_ONE, assert_same_steps, assert_same_weights, curve


def check(cluster: Cluster, config: EngineConfig, made: TrainingInputs) -> None:
    """Train both, and compare them."""
    one = made.attempt("sft", **OF_ONE)
    training_attempts.run(one)
    two = made.attempt("sft", **OF_TWO_NODES)
    _run(cluster, _task(two, config))
    assert job_attempts.found(two, Done), _story(two)
    assert "ranks [1] of 2" in (two / "log-node-1.txt").read_text()
    assert_same_steps(curve(two), curve(one))
    assert_same_weights(two, one)


def check_that_it_continues(cluster: Cluster, config: EngineConfig, made: TrainingInputs) -> None:
    """Train both, that of two nodes in two attempts: the first one loses a node of a Ray cluster."""
    one = made.attempt("sft", **OF_ONE)
    training_attempts.run(one)
    first = made.attempt("sft", **OF_TWO_NODES)
    ending = _run(cluster, _task(first, config, node="tests.pipeline.engines.dying_node"))
    assert ending.is_preempted, (ending, _story(first))
    assert not job_attempts.found(first, Failed)
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-2", _story(first)
    second = made.attempt("sft", prior=[first], **OF_TWO_NODES)
    _run(cluster, _task(second, config))
    assert job_attempts.found(second, Done), _story(second)
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [3]
    assert_same_steps(curve(first, second), curve(one))
    assert_same_weights(second, one)


def _run(cluster: Cluster, task: Task) -> Ending:
    (name,) = cluster.submit([task])

    def ending() -> Ending | None:
        seen = cluster.look([name]).get(name)
        return None if seen is None else seen.ending

    return waiting.wait_until(
        ending,
        "the run",
        progress=waiting.file_sizes(task.folder.parent),
        show=lambda: _story(task.folder),
        pause_s=cluster.poll_s,
    )


def _story(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("log*.txt"))


def _task(folder: Path, config: EngineConfig, node: str = "core.training.node_process") -> Task:
    python = (sys.executable, "-P", "-m")
    return Task(
        name=f"two-nodes-{folder.parent.parent.name}-{folder.name}",
        folder=folder,
        root=folder.parent,
        command=(*python, "core.pipeline.workers.worker", str(folder)),
        env=config.env,
        resources=EngineResources(num_cpus=2, num_gpus=0),
        places=2,
        nodes=2,
        helper=(*python, node, str(folder)),
        spread=(*python, "core.pipeline.engines.ray_nodes"),
    )
