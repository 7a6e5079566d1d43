"""A Ray cluster through its Jobs API: every attempt is a Ray job, whose entrypoint is the worker.

See docs/decisions/0098-ray-jobs.md for the reasons.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

import httpx2
import msgspec
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from core.config.schema import EngineConfig, EngineResources
from core.domain.jobs.engines import ResourceUse
from core.pipeline.engines.cluster import RefusedError, Task, TaskState, UnreachableError, exited
from core.pipeline.engines.engine import Ending
from core.pipeline.engines.ray_nodes import NodesRequest

#: Seconds for which the dashboard may take to report the use of the cluster.
_LIMIT_S = 10.0
#: Asks for nodes that have ended. Ray lists them as long as its head runs.
_DEAD = {"filter_keys": "state", "filter_predicates": "=", "filter_values": "DEAD", "detail": "1"}
#: Seconds for which such a node is shown.
_LOST_FOR_S = 3600.0
#: What Ray says of nodes that were to end.
_INTENDED = ("Expected termination", "Terminated due to idle")
#: What waits for several nodes takes hardly anything itself.
_NOTHING = EngineResources(num_cpus=0.01)
#: Why a job ended that did not run, or whose node died: nothing that the job did.
_PLACE_LOST = {
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": "before it began: the cluster had no capacity for it in time",
    "JOB_SUPERVISOR_ACTOR_DIED": "with its node lost",
}


class _Report(msgspec.Struct):
    """The part of the dashboard's answer with the use of resources: [used, total] by name."""

    usage: dict[str, tuple[float, float]] = {}


class _ClusterStatus(msgspec.Struct, rename="camel"):
    load_metrics_report: _Report


class _Data(msgspec.Struct, rename="camel"):
    cluster_status: _ClusterStatus


class _Answer(msgspec.Struct):
    data: _Data


class _Node(msgspec.Struct):
    node_name: str
    state_message: str | None = None
    end_time_ms: int = 0


class _Nodes(msgspec.Struct):
    result: list[_Node] = []


class _NodesData(msgspec.Struct):
    result: _Nodes


class _NodesAnswer(msgspec.Struct):
    data: _NodesData


class RayCluster:
    """The cluster at the address of a dashboard."""

    poll_s = 1.0

    def __init__(self, config: EngineConfig) -> None:
        """Raises `UnreachableError` if the dashboard does not answer."""
        assert config.address is not None, "checked in config.toml"
        self._address = config.address.rstrip("/")
        try:
            self._client = JobSubmissionClient(self._address)
        except (ConnectionError, RuntimeError) as error:
            raise self._unreachable(error) from error

    def submit(self, tasks: Sequence[Task]) -> Iterator[str]:
        for task in tasks:
            entrypoint, needs = task.shell, task.of_node
            if task.nodes > 1:
                # The entrypoint reserves what they need, on all of them.
                entrypoint, needs = _on_nodes(task), _NOTHING
            try:
                yield self._client.submit_job(
                    entrypoint=entrypoint,
                    submission_id=task.name,
                    metadata={"job_name": task.name},
                    entrypoint_num_cpus=needs.num_cpus,
                    entrypoint_num_gpus=needs.num_gpus or None,
                    entrypoint_memory=_bytes(needs) or None,
                    entrypoint_resources=needs.custom or None,
                )
            except ConnectionError as error:
                raise self._unreachable(error) from error
            except RuntimeError as error:
                if "already exists" in str(error):
                    # Submitted before, by a request whose answer was lost.
                    yield task.name
                    continue
                raise RefusedError(_first_line(error)) from error

    def look(self, ids: Collection[str]) -> Mapping[str, TaskState]:
        try:
            found = self._client.list_jobs()
        except (ConnectionError, RuntimeError) as error:
            raise self._unreachable(error) from error
        return {job.submission_id: _seen(job) for job in found if job.submission_id in ids}

    def stop(self, task: str) -> None:
        try:
            self._client.stop_job(task)
        except ConnectionError as error:
            raise self._unreachable(error) from error
        except RuntimeError as error:
            # It has ended, or the cluster was started again and knows nothing of it.
            if "does not exist" not in str(error) and "terminal" not in str(error):
                raise self._unreachable(error) from error

    def use(self) -> tuple[ResourceUse, ...]:
        with suppress(httpx2.HTTPError, msgspec.DecodeError):
            answer = httpx2.get(f"{self._address}/api/cluster_status", timeout=_LIMIT_S)
            usage = msgspec.json.decode(answer.content, type=_Answer).data.cluster_status
            return tuple(
                ResourceUse(name, *usage.load_metrics_report.usage[name])
                for name in ("CPU", "GPU")
                if name in usage.load_metrics_report.usage
            )
        return ()

    def lost_nodes(self) -> tuple[str, ...]:
        with suppress(httpx2.HTTPError, msgspec.DecodeError):
            answer = httpx2.get(f"{self._address}/api/v0/nodes", params=_DEAD, timeout=_LIMIT_S)
            found = msgspec.json.decode(answer.content, type=_NodesAnswer).data.result.result
            since_ms = (time.time() - _LOST_FOR_S) * 1000
            return tuple(
                node.node_name
                for node in found
                if node.end_time_ms > since_ms and not (node.state_message or "").startswith(_INTENDED)
            )
        return ()

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(f"Ray at {self._address} does not answer: {_first_line(error)}")


def _bytes(needs: EngineResources) -> int:
    return 0 if needs.memory_gb is None else int(needs.memory_gb * 1e9)


def _on_nodes(task: Task) -> str:
    needs = task.of_node
    shells = tuple(map(task.shell_on, range(task.nodes)))
    request = NodesRequest(shells, needs.num_cpus, needs.num_gpus or 0, _bytes(needs), needs.custom)
    return task.line(*task.spread, msgspec.json.encode(request).decode())


def _seen(job: JobDetails) -> TaskState:
    match job.status:
        case JobStatus.PENDING:
            return TaskState(runs=False, queue="waits for capacity in the Ray cluster")
        case JobStatus.RUNNING:
            return TaskState(runs=True)
        case JobStatus.STOPPED:
            return TaskState(runs=True, ending=Ending("because it was stopped in Ray"))
        case JobStatus.SUCCEEDED:
            return TaskState(runs=True, ending=exited(0))
    kind = str(getattr(job.error_type, "value", job.error_type))
    if kind in _PLACE_LOST:
        return TaskState(runs=True, ending=Ending(_PLACE_LOST[kind], is_preempted=True))
    code = job.driver_exit_code
    if code is None:
        return TaskState(
            runs=True, ending=Ending(f"because Ray could not run it: {_first_line(job.message)}")
        )
    return TaskState(runs=True, ending=exited(code))


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
