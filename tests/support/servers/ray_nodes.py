"""A Ray cluster of nodes on this machine, each a set of processes of its own; needs the extra `ray`."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

#: How often a node is tried to start.
_TRIES = 5
#: A dead node is known after two seconds instead of twenty.
_QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}


class RayNodes:
    """A head with the dashboard, and other nodes, which may die."""

    def __init__(self, *, head_cpus: int = 0) -> None:
        # Below a `uv run`, Ray would start workers by that command in a copy of the folder, which may lack
        # Ray: they die, and jobs wait for ever.
        os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
        from ray.cluster_utils import Cluster

        head = {
            "num_cpus": head_cpus,
            "include_dashboard": True,
            "dashboard_port": 0,
            "_system_config": _QUICK,
        }
        self.cluster = _started(lambda: Cluster(initialize_head=True, head_node_args=head))
        self.nodes: list[Any] = []
        self.address = f"http://{self.cluster.head_node.webui_url}"

    def add(self, *, num_cpus: int = 2, num_gpus: int = 0) -> None:
        """Start a node. Its GPUs are only counted: nothing need be there."""
        self.nodes.append(_started(lambda: self.cluster.add_node(num_cpus=num_cpus, num_gpus=num_gpus)))

    def runs(self) -> dict[str, str]:
        """Ray job → the id of the node on which it runs."""
        from ray.job_submission import JobSubmissionClient

        jobs = JobSubmissionClient(self.address).list_jobs()
        return {
            str(job.submission_id): str(job.driver_node_id)
            for job in jobs
            if job.status == "RUNNING" and job.driver_node_id
        }

    def kill_node_of(self, task: str) -> bool:
        """Kill the processes of the node that runs a Ray job, and what they have started.

        False if it runs on the head, or not at all.
        """
        where = self.runs().get(task)
        node = next((node for node in self.nodes if node.node_id == where), None)
        if node is None:
            return False
        self.nodes.remove(node)
        _kill_at_once(psutil.Process(node.all_processes["raylet"][0].process.pid))
        self.cluster.remove_node(node, allow_graceful=False)
        return True

    def close(self) -> None:
        """End all nodes."""
        self.cluster.shutdown()


def _kill_at_once(process: psutil.Process) -> None:
    """Kill a process and its descendants, as the end of a machine does: none can say how another ended."""
    process.suspend()
    below = process.children(recursive=True)
    for signal in (psutil.Process.suspend, psutil.Process.kill):
        for one in (*below, process):
            with suppress(psutil.NoSuchProcess):
                signal(one)


def _started(start: Callable[[], T]) -> T:
    """Start a node; again, if a busy machine did not do it within the seconds that Ray gives it."""
    for _ in range(_TRIES - 1):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()
