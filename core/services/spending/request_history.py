"""What is known of a workspace's requests before more of them are estimated."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.dialogues.files import response_file
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.jobs import rungs
from core.domain.jobs.results import (
    CompareResult,
    FilterResult,
    GenerateResult,
    RespondResult,
    Result,
    ValidateResult,
)
from core.domain.submissions import Asker, Estimate
from core.jobs.inputs import Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import LargeModel
from core.services.pipeline import rung_chances
from core.store import connections
from core.store.jobs import job_queries, job_records, submissions
from core.teachers.costs import prices
from core.teachers.requests.ledger import REQUESTING_STAGES

#: What answers have used, by stage and model.
UsedTokens = Mapping[tuple[str, str], prices.Used]
ReadResponses = Callable[[Input], Mapping[str, str] | None]

#: Responses of so many jobs are held in memory, for the comparisons that they are part of.
_HELD = 64


@dataclass(frozen=True)
class RequestHistory:
    """What the store has of requests and their answers, and of what requests will be built from."""

    answered: Collection[str]
    """The keys of answered requests."""
    used: UsedTokens
    """(stage, model) → tokens of the answers so far."""
    texts: ReadResponses
    """The responses in an input, by dialogue; None if there are none yet."""
    pairs: Mapping[str, Path]
    """Recipe's job → the file of its preference pairs; only of done ones that are filtered."""
    done: Mapping[str, int]
    """Job that is done → how many requests it needed. It sends nothing any more."""
    chances: Mapping[str, float]
    """Job → the chance that it starts; 0 for one that a rung has stopped."""

    def of_done(self, asker: Asker, node: PlannedJob, model: LargeModel) -> Estimate | None:
        """The estimate of a job that is done; None for another one."""
        count = self.done.get(node.id)
        if count is None:
            return None
        return Estimate(asker, model.identity.model, count, count, 0, 0, 0.0)


def read(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    wanted: Sequence[PlannedJob],
    data: DrawnDialogues,
    *,
    from_scratch: bool = False,
) -> RequestHistory:
    """The history of the jobs `wanted`; `from_scratch`, as if no request was answered, and no job done."""
    with connections.snapshot(connection):
        answered = set[str]() if from_scratch else submissions.answered(connection)
        used = {key: prices.Used(*found) for key, found in submissions.used_tokens(connection).items()}
        outputs = {
            JobOutput(node.id, output): job_records.artifact(connection, node.id, output)
            for node in wanted
            for output in ("answers", "responses")
            if node.stage in ("generate", "respond")
        }
        pairs = {
            read.job: job_records.artifact(connection, read.job, read.name)
            for read in (node.inputs["preferences"] for node in wanted if node.stage == "filter")
            if isinstance(read, JobOutput)
        }
        requesting = [node.id for node in wanted if node.stage in REQUESTING_STAGES and not from_scratch]
        results = job_queries.results(connection, requesting)
        decided = [node.id for node in wanted if node.stage == rungs.RUNG]
        chances = rung_chances.of_jobs(wanted, job_queries.results(connection, decided))
    drawn = None if data.is_whole else {dialogue.dialog_id for dialogue in data.dialogues}

    @lru_cache(_HELD)
    def texts(read: Input) -> Mapping[str, str] | None:
        output = outputs.get(read) if isinstance(read, JobOutput) else None
        path = None if output is None else workspace.inside(output[0])
        if path is None or not path.exists():
            return None
        found = response_file.read(path)
        return found if drawn is None else {name: found[name] for name in drawn & found.keys()}

    done = {job: count for job, result in results.items() if (count := _requests(result)) is not None}
    written = {job: workspace.inside(found[0]) for job, found in pairs.items() if found is not None}
    there = {job: path for job, path in written.items() if path.exists()}
    return RequestHistory(answered, used, texts, there, done, chances)


def _requests(result: Result) -> int | None:
    """How many requests a job with that result needed."""
    match result:
        case GenerateResult(answers=answers, left_out=left_out):
            return answers + left_out
        case RespondResult(responses=responses, left_out_as=left_out_as):
            return responses + sum(left_out_as.values())
        case (
            CompareResult(verdicts=verdicts)
            | FilterResult(verdicts=verdicts)
            | ValidateResult(verdicts=verdicts)
        ):
            return verdicts
    return None
