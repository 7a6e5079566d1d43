"""Slurm through submitit: every attempt is a job, or a task of an array, that runs the worker.

See docs/decisions/0099-slurm-through-submitit.md for the reasons.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from core.config.schema import EngineConfig
from core.domain.errors import UserError
from core.domain.jobs.engines import ResourceUse
from core.pipeline.engines.cluster import RefusedError, Task, TaskState, UnreachableError, exited
from core.pipeline.engines.engine import Ending
from core.pipeline.engines.slurm_task import RunWorker

#: Seconds for which a command of Slurm may take.
_LIMIT_S = 60.0
#: Seconds between Slurm's signal and the end at the time limit: enough for a checkpoint.
_SIGNAL_DELAY_S = 120
#: What commands print if the controller does not answer, which is nothing that a job could change.
_NO_ANSWER = re.compile(
    r"contact|timed out|connection|communicat|try again|temporar|configuration source", re.IGNORECASE
)
_UNKNOWN_JOB = re.compile(r"invalid job id", re.IGNORECASE)
_FIELDS = "JobArrayID:|,State:|,exit_code:|,Reason:|"
_WAITS = {"PENDING", "CONFIGURING", "SUSPENDED", "STOPPED", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD"}
_ENDED = {
    "COMPLETED": exited(0),
    "CANCELLED": Ending("because it was cancelled in Slurm"),
    "OUT_OF_MEMORY": Ending("by SIGKILL (out of memory)"),
    "PREEMPTED": Ending("because it was preempted", is_preempted=True),
    "NODE_FAIL": Ending("with its node lost", is_preempted=True),
    "BOOT_FAIL": Ending("with its node lost", is_preempted=True),
    "REVOKED": Ending("because Slurm took it away", is_preempted=True),
    "DEADLINE": Ending("at its deadline"),
    "TIMEOUT": Ending("at its time limit"),
}
#: A star marks a node that does not answer.
_LOST = re.compile(r"down|fail|.*\*$")
_GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")


class SlurmCluster:
    """The cluster of this machine's Slurm commands."""

    poll_s = 5.0

    def __init__(self, config: EngineConfig, folder: Path) -> None:
        """`folder`, which the nodes see as well, gets submitit's files. Raises `UserError` without Slurm."""
        self._config = config
        self._folder = folder
        try:
            self._executor = SlurmExecutor(folder, python=config.python)
        except RuntimeError as error:
            raise UserError(
                "Slurm's commands are not on this machine (srun was not found): start the supervisor on a "
                "login node"
            ) from error

    def submit(self, tasks: Sequence[Task]) -> Iterator[str]:
        groups = [tasks] if self._config.array else [[task] for task in tasks]
        for group in groups:
            name = group[0].name if len(group) == 1 else "empathy"
            try:
                self._executor.update_parameters(**self._parameters(group[0], name))
                with self._executor.batch():
                    submitted = [self._executor.submit(_run_worker(task)) for task in group]
            except (FailedJobError, FailedSubmissionError, ValueError) as error:
                raise _refusal(error) from error
            yield from (job.job_id for job in submitted)

    def _parameters(self, task: Task, name: str) -> dict[str, object]:
        needs, config, nodes = task.of_node, self._config, task.nodes
        places = task.places // nodes
        gpus = int(needs.num_gpus or 0)
        found: dict[str, object] = {
            "job_name": name,
            "time": config.time_limit_minutes,
            "cpus_per_task": max(1, int(needs.num_cpus)),
            "partition": config.partition,
            "account": config.account,
            "nodes": nodes,
            "ntasks_per_node": 1,
            # Of a run over several nodes nothing may remain when one of them has gone.
            "srun_args": ["--kill-on-bad-exit=1"],
            "gres": for_places(config.gres, places) if gpus and config.gres is not None else None,
            "gpus_per_node": gpus if gpus and config.gres is None else None,
            "mem": None if needs.memory_gb is None else f"{int(needs.memory_gb * 1024)}M",
            "signal_delay_s": _SIGNAL_DELAY_S,
            "stderr_to_stdout": True,
            "wckey": None,
            # Slurm would start the same attempt again, beside its files; a new attempt continues from those.
            "additional_parameters": {"no_requeue": True, **config.sbatch},
        }
        return found

    def look(self, ids: Collection[str]) -> Mapping[str, TaskState]:
        text = _run("squeue", "-h", "-r", "-t", "all", "-j", ",".join(ids), "-O", _FIELDS)
        found = {}
        waiting = None
        for line in text.splitlines():
            name, state, code, reason = (part.strip() for part in line.split("|")[:4])
            if state in _WAITS:
                waiting = self._waiting() if waiting is None else waiting
                place = waiting.get(name)
                words = {"SUSPENDED": "suspended by Slurm", "CONFIGURING": "its node is being started"}
                queue = words.get(state) or place or "queued in Slurm"
                found[name] = TaskState(
                    runs=False, queue=f"{queue} ({reason})" if reason != "None" else queue
                )
            elif state in _ENDED:
                found[name] = TaskState(runs=True, ending=_ENDED[state])
            elif state == "FAILED":
                found[name] = TaskState(runs=True, ending=_failed(code))
            else:
                found[name] = TaskState(runs=True)
        return found

    def _waiting(self) -> dict[str, str]:
        """The places in the queue of each partition, of all jobs that wait."""
        text = _run("squeue", "-h", "-r", "-t", "PD", "-S", "-p,i", "-o", "%i|%P")
        queues: dict[str, list[str]] = {}
        for line in text.splitlines():
            name, partition = line.split("|")
            queues.setdefault(partition, []).append(name)
        return {
            name: f"place {at:,} of {len(queue):,} in the queue of {partition}"
            for partition, queue in queues.items()
            for at, name in enumerate(queue, start=1)
        }

    def stop(self, task: str) -> None:
        _run("scancel", task)

    def use(self) -> tuple[ResourceUse, ...]:
        where = () if self._config.partition is None else ("-p", self._config.partition)
        allocated = total = 0
        for line in _run("sinfo", "-h", *where, "-o", "%C").splitlines():
            used, _, _, all_ = map(int, line.split("/"))
            allocated, total = allocated + used, total + all_
        found = [ResourceUse("CPU", allocated, total)]
        gpus = [0, 0]
        for line in _run("sinfo", "-h", "-N", *where, "-O", "GresUsed:200,Gres:200").splitlines():
            for at, part in enumerate((line[:200], line[200:])):
                gpus[at] += sum(map(int, _GPUS.findall(part)))
        if gpus[1]:
            found.append(ResourceUse("GPU", *gpus))
        return tuple(found)

    def lost_nodes(self) -> tuple[str, ...]:
        where = () if self._config.partition is None else ("-p", self._config.partition)
        return lost_in(_run("sinfo", "-h", "-N", *where, "-o", "%N|%T"))


def _run_worker(task: Task) -> RunWorker:
    return RunWorker(tuple(map(task.shell_on, range(task.nodes))))


def for_places(gres: str, places: int) -> str:
    """Generic resources for so many places: `gpu:a100` and `gpu:a100:1` are `gpu:a100:2` for two."""
    parts = [part.rsplit(":", 1) for part in gres.split(",")]
    counted = [(part[0], int(part[-1])) if part[-1].isdecimal() else (":".join(part), 1) for part in parts]
    return ",".join(f"{name}:{count * places}" for name, count in counted)


def lost_in(text: str) -> tuple[str, ...]:
    """The nodes that are lost by what sinfo prints, a node once for each of its partitions."""
    states = dict(line.strip().split("|") for line in text.splitlines())
    return tuple(name for name, state in states.items() if _LOST.match(state))


def _failed(status: str) -> Ending:
    """The end of a job with an exit status as squeue prints it: what wait() says, or code and signal."""
    code, _, _ = status.partition(":")
    number = int(code) if code.isdecimal() else 1
    if ":" not in status:
        number = os.waitstatus_to_exitcode(number)
    return exited(number)


def _run(*command: str) -> str:
    """What a command of Slurm prints. Raises `UnreachableError`."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreachableError(f"Slurm does not answer: {error}") from error
    if ended.returncode and not _UNKNOWN_JOB.search(ended.stderr):
        raise UnreachableError(f"Slurm does not answer: {ended.stderr.strip()[:300]}")
    return ended.stdout


def _refusal(error: Exception) -> RefusedError | UnreachableError:
    why = " ".join(str(error).split())[-300:]
    if _NO_ANSWER.search(why):
        return UnreachableError(f"Slurm does not answer: {why}")
    return RefusedError(why)
