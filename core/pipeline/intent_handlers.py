"""How each kind of intent is carried out, within the supervisor's transaction."""

from __future__ import annotations

import sqlite3

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues import records
from core.domain import job_rules
from core.domain.dependencies import dependencies_of
from core.domain.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.events import (
    AdoptOutcome,
    CancelOutcome,
    ImportOutcome,
    IntentOutcome,
    RetryOutcome,
    StartOutcome,
)
from core.domain.jobs import JobState
from core.jobs import files
from core.jobs.context import REFRESH
from core.jobs.settings import ValidateSettings
from core.pipeline import planner, workspace_graph
from core.store import dialogues, jobs, votes
from core.store.intents import (
    Adopt,
    Cancel,
    CastVote,
    ImportData,
    IntentRequest,
    Pause,
    Refresh,
    Resume,
    Retry,
    Start,
    WithdrawVote,
)
from core.teachers.batches import adoption


def carry_out(
    connection: sqlite3.Connection, workspace: WorkspacePaths, request: IntentRequest
) -> IntentOutcome | None:
    """Do what was requested; the outcome, if there is anything to report. Raises `UserError` when it cannot
    be done."""
    match request:
        case ImportData(facts):
            return _import(connection, workspace, facts)
        case Start():
            return _start(connection, workspace, request)
        case Cancel(job):
            return _cancel(connection, job)
        case Retry(job):
            return _retry(connection, workspace, job)
        case Refresh(job):
            _refresh(connection, workspace, job)
        case Adopt(job, batch):
            return _adopt(connection, workspace, job, batch)
        case CastVote(vote):
            votes.put(connection, vote)
        case WithdrawVote(vote):
            votes.remove(connection, vote)
        case Pause():
            jobs.set_setting(connection, "paused", "1")
            jobs.add_event(connection, "paused")
        case Resume():
            jobs.set_setting(connection, "paused", None)
            jobs.add_event(connection, "resumed")
    return None


def _import(connection: sqlite3.Connection, workspace: WorkspacePaths, facts: ImportedData) -> ImportOutcome:
    path = workspace.dialogues(facts.data)
    if not path.exists() or files.sha256(path) != facts.data:
        raise UserError(f"{path} is missing or damaged: delete it and import {facts.file} again")
    dialogues.replace(connection, facts, records.read(path))
    counts = dialogues.counts(connection)
    jobs.add_event(connection, f"imported {counts.total} dialogues from {facts.file}")
    return ImportOutcome(counts)


def _start(connection: sqlite3.Connection, workspace: WorkspacePaths, request: Start) -> StartOutcome:
    facts = dialogues.imported(connection)
    if facts is None:
        raise UserError("there is no data yet: `empathy-tui import CSV` first")
    config = load_config(workspace.config)
    planned = workspace_graph.plan(workspace, config, facts, request.validate)
    wanted = planner.resolve(planned, request.targets)
    if not wanted:
        raise UserError(f"{workspace.config} asks for nothing: name students, recipes and judges in it")
    new = jobs.put(connection, wanted)
    states = jobs.states(connection, (job.id for job in wanted))
    for job, state in states.items():
        if state in job_rules.UNSUCCESSFUL:
            jobs.set_state(connection, job, "waiting", event="requested again")
    for job in new:
        jobs.add_event(connection, "requested", job=job)
    done = tuple(job for job, state in states.items() if state == "done")
    return StartOutcome(tuple(states), len(new), done)


def _cancel(connection: sqlite3.Connection, job: str) -> CancelOutcome:
    state = _state(connection, job)
    problem = job_rules.cancel_problem(job, state)
    if problem is not None:
        raise UserError(problem)
    if state == "running":
        jobs.ask_to_stop(connection, job)
    else:
        jobs.set_state(connection, job, "cancelled")
    return CancelOutcome(state)


def _retry(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> RetryOutcome:
    """Request the job again, and those it depends on that failed or were cancelled.

    With today's settings, of those that do not change the work (a budget, limits, a price).
    """
    state = _state(connection, job)
    needed = dependencies_of(jobs.graph(connection), [job])
    again = [name for name in (job, *sorted(needed)) if _failed(connection, name)]
    if not again:
        raise UserError(job_rules.retry_problem(job, state))
    facts = dialogues.imported(connection)
    if facts is not None:
        found = [stored.job for name in again if (stored := jobs.get(connection, name)) is not None]
        validate = {
            one.name: one.settings.pairs for one in found if isinstance(one.settings, ValidateSettings)
        }
        config = load_config(workspace.config)
        planned = workspace_graph.plan(workspace, config, facts, validate)
        jobs.put(connection, (one for one in planned if one.id in again))
    for name in again:
        jobs.set_state(connection, name, "waiting", event="to be tried again")
    return RetryOutcome(tuple(again))


def _refresh(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> None:
    """Have a job that waits for something outside look at it now."""
    running = jobs.attempts(connection, job=job, state="running")
    if not running:
        raise UserError(job_rules.refresh_problem(job, _state(connection, job)))
    (workspace.root / running[0].folder / REFRESH).touch()


def _adopt(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str, batch: str) -> AdoptOutcome:
    """Have a job of stage `generate` look at a batch that the user names, at once or when it next runs."""
    stored = jobs.get(connection, job)
    if stored is None or stored.job.stage != "generate":
        raise UserError(f"{job} is not a job that asks a teacher: start one, then name it")
    if stored.state == "done":
        raise UserError(f"{job} is done: it wants no more answers")
    adoption.name(workspace.artifacts / "jobs" / job, batch)
    jobs.add_event(connection, f"batch {batch} named by hand", job=job)
    if stored.state == "running":
        _refresh(connection, workspace, job)
    elif stored.state in job_rules.UNSUCCESSFUL:
        _retry(connection, workspace, job)
    return AdoptOutcome(stored.state)


def _failed(connection: sqlite3.Connection, job: str) -> bool:
    return jobs.states(connection, (job,)).get(job) in job_rules.UNSUCCESSFUL


def _state(connection: sqlite3.Connection, job: str) -> JobState:
    state = jobs.states(connection, (job,)).get(job)
    if state is None:
        raise UserError(f"{job} was never requested: start it first")
    return state
