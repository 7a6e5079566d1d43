"""Jobs: the units of background work on the pipeline's graph."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.jobs import results
from core.domain.jobs.results import Result
from core.domain.states import JobState, Slot, Stage
from core.domain.value_types import NamedValue

#: The engine that runs workers on this machine; others are named in config.toml.
LOCAL = "local"


@dataclass(frozen=True)
class Wait:
    """What a running job waits for outside of the program. Times are Unix seconds."""

    reason: str
    """What it waits for, for people."""
    since: float
    """When it began to wait."""
    until: float | None
    """When it tries again; None where that is not known."""
    gives_up_at: float | None
    """When it fails if nothing changes; None if it continues for as long as it takes."""


@dataclass(frozen=True)
class Job:
    """One unit of background work on the pipeline's graph. Times are Unix seconds."""

    id: str
    """The stage and the beginning of the fingerprint."""
    stage: Stage
    """The kind of work."""
    name: str
    """What it is about; unique within its stage in one configuration."""
    state: JobState
    """Its state."""
    requested: bool
    """Whether a person has requested it, itself or by way of another; False for a job that is only
    planned."""
    reason: str | None
    """Why it does not run, for people; None where it runs or has ended."""
    done: int | None
    """Units of work done by its newest attempt; None before it reports any, and while the job waits for
    another."""
    total: int | None
    """All its units of work; None where that is not known."""
    eta_s: float | None
    """Estimated seconds to its end; None where that is not known."""
    attempt: int
    """Number of its newest attempt; 0 before the first."""
    started_at: float | None
    """When its newest attempt started; None before the first, and while the job waits for another."""
    finished_at: float | None
    """When it ended; None before."""
    error: str | None
    """Why its last attempt failed, for people; None unless it did."""
    slot: Slot
    """The resource that it uses."""
    fingerprint: str
    """SHA-256 of the stage's code version, the settings that decide the work, and all that it reads."""
    depends_on: tuple[str, ...]
    """Ids of the jobs that must be done before."""
    result: Result | None
    """Its results; None before it is done."""
    folder: str | None
    """Its newest attempt's folder, relative to the workspace; None before the first."""
    wait: Wait | None = None
    """What it waits for while it runs; None while it continues."""
    gpu: str | None = None
    """The only GPU that its newest attempt sees, as CUDA_VISIBLE_DEVICES names it; None without a choice."""
    engine: str = LOCAL
    """The engine of its newest attempt: `local`, or a cluster by its name in config.toml."""
    node: str | None = None
    """The machine on which its newest attempt runs or ran; None before that is known."""
    queue: str | None = None
    """What its newest attempt waits for in the engine's queue, for people; None when it is in no queue."""
    warnings: tuple[str, ...] = ()
    """Optional parts that failed, in the order in which it first happened; each with how
    often, if it was more than once."""
    cancelling: bool = False
    """Whether it still runs, and a stop was requested."""
    preempted: str | None = None
    """How its newest attempt lost its place, for people, while the job waits to continue from there; None
    else."""
    in_config: bool = True
    """Whether config.toml has it; False for a job that was requested under an earlier one."""

    @property
    def title(self) -> str:
        """The stage and the name, as people see it."""
        return f"{self.stage} {self.name}"

    @property
    def took_s(self) -> float | None:
        """Seconds from the start to the end of its newest attempt; None before its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


def result_values(job: Job) -> tuple[NamedValue, ...]:
    """The fields of a job's result by the names that they have in JSON; empty before it is done."""
    return () if job.result is None else results.values(job.result)
