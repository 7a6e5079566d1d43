"""A cluster as `remote.RemoteEngine` uses it: tasks in, and what became of them.

`ray_cluster` and `slurm_cluster` are its implementations."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.config.schema import EngineResources
from core.domain import troubles
from core.domain.jobs.engines import ResourceUse
from core.jobs import processes
from core.jobs.context import LOG
from core.pipeline.engines.engine import Ending


class UnreachableError(Exception):
    """The cluster cannot be asked now; it may be later."""


class RefusedError(Exception):
    """The cluster will not run a task as it is."""


@dataclass(frozen=True)
class Task:
    """A worker to run on a node of the cluster."""

    name: str
    """Names the attempt, for people and in the cluster's lists."""
    folder: Path
    """The attempt's folder."""
    root: Path | None
    """The workspace's folder; None if the nodes do not see it."""
    command: tuple[str, ...]
    """The worker's command, with what it is to work on."""
    env: Mapping[str, str]
    """Environment variables beside those of the node."""
    resources: EngineResources
    """What it reserves, in equal parts on each of its nodes."""
    places: int
    """How many places of its slot it takes."""
    nodes: int = 1
    """How many nodes it takes."""
    helper: tuple[str, ...] = ()
    """The command on each node but the first, which the node's number follows."""
    spread: tuple[str, ...] = ()
    """The command by which Ray runs lines on several nodes, which they follow."""

    @property
    def of_node(self) -> EngineResources:
        """What it reserves on each of its nodes."""
        all_, nodes = self.resources, self.nodes
        return EngineResources(
            num_cpus=all_.num_cpus / nodes,
            num_gpus=None if all_.num_gpus is None else all_.num_gpus / nodes,
            memory_gb=None if all_.memory_gb is None else all_.memory_gb / nodes,
            custom={name: amount / nodes for name, amount in all_.custom.items()},
        )

    @property
    def shell(self) -> str:
        """A line for a shell on a node, which becomes the worker.

        On a node that does not see the folder it ends without a log, by which that is known afterwards.
        """
        return self._in_folder(self.command, LOG)

    def shell_on(self, node: int) -> str:
        """The line for a shell on one of its nodes, of which the first has the worker."""
        if node == 0:
            return self.shell
        return self._in_folder((*self.helper, str(node)), f"log-node-{node}.txt")

    def line(self, *command: str) -> str:
        """A line for a shell that becomes a command, with the task's environment."""
        settings = [f"{name}={value}" for name, value in self.env.items()]
        return f"exec {shlex.join(['env', *settings, *command] if settings else command)} </dev/null"

    def _in_folder(self, command: Sequence[str], log_name: str) -> str:
        line = self.line(*command)
        if self.root is None:
            return line
        log = shlex.quote(str(self.folder / log_name))
        return f"cd {shlex.quote(str(self.root))} && {line} >>{log} 2>&1"


@dataclass(frozen=True)
class TaskState:
    """What a cluster says of a task."""

    runs: bool
    """Whether it has left the queue."""
    queue: str | None = None
    """What it waits for in the queue, for people."""
    ending: Ending | None = None
    """How it ended; None before."""


def exited(code: int) -> Ending:
    """The end of a worker with that exit code, negative for a signal."""
    # A shell's code for a process that a signal has ended.
    if code > 128 and code - 128 in set(signal.Signals):
        code = 128 - code
    if code >= 0:
        return Ending(f"with exit code {code}", troubles.of_exit_code(code), exit_code=code)
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    memory = " (out of memory?)" if code == -signal.SIGKILL else ""
    return Ending(f"by {name}{memory}", is_preempted=-code in processes.GIVE_BACK, exit_code=code)


class Cluster(Protocol):
    """Every method may wait for the cluster, and raises `UnreachableError` if it does not answer."""

    poll_s: float
    """Seconds between two looks at it."""

    def submit(self, tasks: Sequence[Task]) -> Iterator[str]:
        """Submit tasks with the same resources; yields the cluster's id of each once it is submitted.

        Raises `RefusedError` for the first whose id was not yielded.
        """

    def look(self, ids: Collection[str]) -> Mapping[str, TaskState]:
        """What became of tasks; without those that the cluster does not know."""

    def stop(self, task: str) -> None:
        """End a task at once, or take it out of the queue."""

    def use(self) -> tuple[ResourceUse, ...]:
        """The use of its resources; empty if it does not report it."""

    def lost_nodes(self) -> tuple[str, ...]:
        """Names of the nodes that died or do not answer; empty if it does not report them."""
