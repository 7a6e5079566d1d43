"""What `--json` prints: a record for each command. A value that is not known (yet) is null.

Records of core.api are printed with all their fields. The classes here are for commands that print fewer
fields, or several records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

if TYPE_CHECKING:
    from core.api import (
        Agreement,
        AnnotatorTest,
        AnswerCount,
        BatchEvent,
        BiasModel,
        DialogueCounts,
        EngineUse,
        Estimate,
        HumanWinRate,
        Job,
        JobState,
        LogLevel,
        PlaygroundOpinion,
        PlaygroundTurn,
        Result,
        Run,
        RunEstimate,
        Scorecard,
        SentRequest,
        Slot,
        SlotUse,
        Snapshot,
        Spending,
        Stage,
        StageWork,
        Submission,
        SupervisorStatus,
        Wait,
    )


class JsonRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a command prints."""


class Status(JsonRecord, frozen=True):
    """`status`."""

    workspace: str
    """The workspace's folder."""
    dialogues: DialogueCounts
    """The imported dialogues."""
    supervisor: SupervisorStatus
    """Whether a supervisor runs."""
    paused: bool
    """Whether no new job starts until `resume`."""
    slots: tuple[SlotUse, ...]
    """The use of each kind of slot."""
    engines: tuple[EngineUse, ...]
    """The clusters on which jobs ran, as they were last seen."""
    config_error: str | None
    """Why config.toml is invalid; null when it is valid."""
    jobs: tuple[JobRecord, ...]
    """All jobs, in the pipeline's order."""


class JobRecord(JsonRecord, frozen=True):
    """A job. Times are Unix seconds."""

    id: str
    """Its id."""
    stage: Stage
    """The kind of work."""
    name: str
    """What it is about; unique within its stage in one configuration."""
    state: JobState
    """waiting, ready, running, done, failed, cancelled, or stopped at a rung."""
    done: int | None
    """Progress, in the job's own units."""
    total: int | None
    """All its units; null where that is not known."""
    attempt: int
    """Number of the last attempt, from 1; 0 before the first."""
    started_at: float | None
    """When the last attempt started; null before the first."""
    finished_at: float | None
    """When it ended; null before."""
    error: str | None
    """Why the last attempt failed."""
    requested: bool
    """Whether the job was ever requested."""
    cancelling: bool
    """Whether it still runs, and a stop was requested."""
    in_config: bool
    """Whether config.toml has it; false for a job that was requested under an earlier one."""
    reason: str | None
    """Why a job that does not run does not run."""
    eta_s: float | None
    """Estimated seconds until it is done."""
    wait: Wait | None
    """What a running job waits for outside of the program; null while it continues."""
    slot: Slot
    """The resource that it uses: gpu, cpu, api or batch."""
    gpu: str | None
    """UUID of the only GPU that the last attempt sees; null without a choice of one."""
    engine: str
    """Where the last attempt runs: `local`, or a cluster of config.toml."""
    node: str | None
    """The machine on which it runs or ran; null before that is known."""
    queue: str | None
    """What it waits for in the cluster's queue; null when it is in no queue."""
    fingerprint: str
    """Hash of its inputs, settings and code version."""
    depends_on: tuple[str, ...]
    """Ids of the jobs that must be done before it."""
    folder: str | None
    """The last attempt's folder, relative to the workspace."""
    warnings: tuple[str, ...]
    """Optional parts that failed."""
    result: Result | None
    """What a finished job reports; its fields depend on the stage. Null before the job is done."""


class StartReport(JsonRecord, frozen=True):
    """`run`."""

    jobs: Sequence[str]
    """Ids of all requested jobs."""
    new: int
    """How many of them had never been requested before."""
    done: int
    """How many of them were done already."""
    again: Sequence[str]
    """Ids of those that had ended, and are done again from the start."""
    paused: bool
    """Whether no new job starts until `resume`."""


class Finished(JsonRecord, frozen=True):
    """`run --wait`, `judge validate --wait`, `judge reparse`."""

    ok: bool
    """Whether all jobs are done."""
    jobs: tuple[JobRecord, ...]
    """The requested jobs in their last states."""


class SubmittedBatches(JsonRecord, frozen=True):
    """`run --no-wait`."""

    jobs: Sequence[str]
    """Ids of all requested jobs."""
    batches: Sequence[Submission]
    """Those that providers are still working on."""


class Costs(JsonRecord, frozen=True):
    """`run --dry-run`, `judge validate --dry-run`."""

    recipes: Sequence[EstimateRecord]
    """Also judges and teachers that answer the test split."""
    usd: float | None
    """Estimated cost of all; null when a price is not known."""
    spending: Spending
    """What was spent so far."""
    runs: Sequence[RunEstimate]
    """What each run needs that is not done; empty for `judge validate`."""
    stages: Sequence[StageWork]
    """How many jobs of each stage there are, and how long those that are left take; empty for
    `judge validate`."""


class EstimateRecord(JsonRecord, frozen=True):
    """What a recipe, a judge or a responder will still ask of a large model."""

    recipe: str
    """The recipe; `judge NAME` for a judge, `responder NAME` for a teacher that answers the test split."""
    teacher: str
    """The teacher or judge that answers."""
    requests: int
    """All requests that it needs."""
    answered: int
    """Those whose answers the workspace has already."""
    input_tokens: int
    """Estimated input tokens of the requests that are not answered yet."""
    output_tokens: int
    """Estimated output tokens of the requests that are not answered yet."""
    usd: float | None
    """Their estimated cost in US dollars; null where the price is not known."""
    is_upper_bound: bool
    """Whether fewer may be sent, because a judge stops once it is decided who is better."""
    expected_usd: float | None
    """What of `usd` is expected where rungs decide which requests are sent; null without rungs."""


class JobStateReport(JsonRecord, frozen=True):
    """`cancel`."""

    job: str
    """Its id."""
    state: JobState
    """Its state now: cancelled, or running while it still stops."""


class Retried(JsonRecord, frozen=True):
    """`retry`."""

    jobs: Sequence[str]
    """Ids of the jobs that are tried again."""


class Paused(JsonRecord, frozen=True):
    """`pause`, `resume`."""

    paused: bool
    """Whether no new job starts now."""


class Validation(JsonRecord, frozen=True):
    """`judge validate`."""

    job: JobRecord
    """The requested job."""


class Batches(JsonRecord, frozen=True):
    """`batches`."""

    batches: Sequence[Submission]
    """All batches and live sessions, the newest first."""
    spending: Spending
    """What was spent so far."""


class BatchReport(JsonRecord, frozen=True):
    """`batches show`."""

    batch: Submission
    """The batch."""
    timeline: Sequence[BatchEvent]
    """Its states and the provider's counts, the oldest first."""
    outcomes: Sequence[AnswerCount]
    """How its requests ended, with the number of each."""
    requests: Sequence[SentRequest]
    """Empty unless `--requests` is given."""


class Judges(JsonRecord, frozen=True):
    """`winrates judges`."""

    judges: Sequence[Scorecard]
    """The judges, each with its metrics."""
    agreements: Sequence[Agreement]
    """Agreement of each two judges, people included."""
    votes: Sequence[HumanWinRate]
    """Win rates by people's votes."""
    annotator_tests: Sequence[AnnotatorTest]
    """Of each judge that compared responders on whom people voted."""
    bias_models: Sequence[BiasModel]
    """Of each judge with a finished comparison."""


class RunRecord(JsonRecord, frozen=True):
    """One of `runs`."""

    run: Run
    """The run with its settings, results, and what is noted about it."""
    disk_bytes: int | None
    """The disk space of its folder; null if it never started."""


class JudgedTurn(JsonRecord, frozen=True):
    """`chat --judge`."""

    turn: PlaygroundTurn
    """What was asked, and the two answers."""
    opinion: PlaygroundOpinion
    """What the judge says of them."""


class LoggedLine(JsonRecord, frozen=True):
    """A line of a log."""

    level: LogLevel
    """The level of its record."""
    text: str
    """As it was written, without colours."""


class LoggedLines(JsonRecord, frozen=True):
    """`logs`."""

    job: str | None
    """The job's id; null for the supervisor's log."""
    file: str
    """The log's file."""
    attempt: int | None
    """The attempt at the job that wrote it; null for the supervisor's log."""
    lines: Sequence[LoggedLine]
    """Its last lines."""


class Exported(JsonRecord, frozen=True):
    """`export`."""

    files: Sequence[Path]
    """The written files."""


class PublishedFolder(JsonRecord, frozen=True):
    """`publish`."""

    name: str
    """The run or the recipe."""
    kind: Literal["adapter", "model", "dataset"]
    """adapter, model or dataset."""
    files: Sequence[Path]
    """The files of the folder."""
    notes: Sequence[str]
    """What whoever uses it must know, in sentences."""
    url: str | None
    """The repository on the Hub; null without `--push`."""


def write(value: object) -> None:
    """Print a record, or a list of records, as JSON.

    In ASCII: no locale can break it, and text from outside cannot control a terminal.
    """
    plain = msgspec.to_builtins(value, enc_hook=_path)
    # `json` alone indents ten times slower, because it does that in Python.
    click.echo(msgspec.json.format(json.dumps(plain, allow_nan=False), indent=2))


def _path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def job_record(job: Job) -> JobRecord:
    return JobRecord(**{name: getattr(job, name) for name in JobRecord.__struct_fields__})


def estimate(found: Estimate) -> EstimateRecord:
    return EstimateRecord(
        recipe=str(found.asker),
        teacher=found.teacher,
        requests=found.requests,
        answered=found.answered,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        usd=found.usd,
        is_upper_bound=found.is_upper_bound,
        expected_usd=found.expected_usd,
    )


def status(snapshot: Snapshot) -> Status:
    return Status(
        workspace=snapshot.workspace,
        dialogues=snapshot.dialogues,
        supervisor=snapshot.supervisor,
        paused=snapshot.paused,
        slots=snapshot.slots,
        engines=snapshot.engines,
        config_error=snapshot.config_error,
        jobs=tuple(job_record(job) for job in snapshot.jobs),
    )
