"""A run of two ranks over two nodes of a cluster, beside one of one process."""

from __future__ import annotations

import sys
from pathlib import Path

from core.config.schema import EngineConfig, EngineResources
from core.jobs.records import Done
from core.pipeline.engines.cluster import Cluster, Task
from tests.support import waiting
from tests.support.records import training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.distributed.test_nodes import OF_TWO_NODES
from tests.training.distributed.test_ranks import OF_ONE, assert_same_steps, assert_same_weights, curve


def check(cluster: Cluster, config: EngineConfig, made: TrainingInputs) -> None:
    """Train both, and compare them."""
    one = made.attempt("sft", **OF_ONE)
    training_attempts.run(one)
    two = made.attempt("sft", **OF_TWO_NODES)
    (name,) = cluster.submit([_task(two, config)])

    def has_ended() -> bool:
        seen = cluster.look([name]).get(name)
        return seen is not None and seen.ending is not None

    def story() -> str:
        return "".join(path.read_text() for path in two.glob("log*.txt"))

    waiting.wait_until(
        has_ended, "the run", progress=waiting.file_sizes(made.root), show=story, pause_s=cluster.poll_s
    )
    assert training_attempts.found(two, Done), story()
    assert "ranks [1] of 2" in (two / "log-node-1.txt").read_text()
    assert_same_steps(curve(two), curve(one))
    assert_same_weights(two, one)


def _task(folder: Path, config: EngineConfig) -> Task:
    python = (sys.executable, "-P", "-m")
    return Task(
        name=f"two-nodes-{folder.parent.parent.name}",
        folder=folder,
        root=folder.parent,
        command=(*python, "core.pipeline.workers.worker", str(folder)),
        env=config.env,
        resources=EngineResources(num_cpus=2, num_gpus=0),
        places=2,
        nodes=2,
        helper=(*python, "core.training.node_process", str(folder)),
        spread=(*python, "core.pipeline.engines.ray_nodes"),
    )
