"""`python -m core.pipeline.engines.ray_nodes REQUEST`: a run over several nodes of a Ray cluster.

The entrypoint of its Ray job: a placement group reserves the nodes, and a task on each runs a shell line. It
ends with the first that fails; Ray ends the tasks of a job that has ended.
"""

from __future__ import annotations

import logging
import subprocess
import sys

import msgspec
import ray
from ray.exceptions import RayError
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

#: A shell's code for SIGTERM: its place was taken away.
_NODE_GONE = 143

log = logging.getLogger("nodes")


class NodesRequest(msgspec.Struct, frozen=True):
    """What each of the nodes does, and reserves for it."""

    shells: tuple[str, ...]
    """A line for a shell on each node."""
    num_cpus: float
    """CPUs that are reserved on each node."""
    num_gpus: float
    """GPUs that are reserved on each node."""
    memory: int
    """Bytes; 0 for Ray's default."""
    custom: dict[str, float]
    """Ray's custom resources."""


def main(request: NodesRequest) -> int:
    """Run the lines, each on a node of its own; the code of the first that fails."""
    ray.init(address="auto", log_to_driver=False)
    needs = {"CPU": request.num_cpus, "GPU": request.num_gpus, "memory": request.memory, **request.custom}
    bundle = {name: amount for name, amount in needs.items() if amount}
    group = placement_group([bundle] * len(request.shells), strategy="STRICT_SPREAD")
    ray.get(group.ready())
    running = [
        ray.remote(_run)
        .options(
            num_cpus=request.num_cpus,
            num_gpus=request.num_gpus,
            memory=request.memory or None,
            resources=request.custom,
            max_retries=0,
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, index),
        )
        .remote(shell)
        for index, shell in enumerate(request.shells)
    ]
    while running:
        (done,), running = ray.wait(running)
        try:
            code = int(ray.get(done))
        except RayError as error:
            log.error("a node has gone: %s", error)
            code = _NODE_GONE
        if code:
            return code if code > 0 else 128 - code
    return 0


def _run(shell: str) -> int:
    return subprocess.run(["/bin/sh", "-c", shell]).returncode


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=NodesRequest)))
