"""Handlers of each kind of intent. They run in the supervisor's transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable

from core.config.load import load_config, located, parse_config, read_config
from core.config.problems import InvalidOptionError
from core.config.workspace import WorkspacePaths
from core.dialogues.files import records
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs import job_rules
from core.domain.jobs.dependencies import Link, dependencies_of
from core.domain.jobs.events import (
    AdoptOutcome,
    CancelOutcome,
    DeleteOutcome,
    ImportOutcome,
    IntentOutcome,
    ReparseOutcome,
    RetryOutcome,
    StartOutcome,
)
from core.domain.jobs.job import LOCAL
from core.domain.jobs.rungs import RUNG, gates, work_of
from core.domain.names import JobId, JobName
from core.domain.runs import RunNotes
from core.domain.states import JobState
from core.jobs import files
from core.jobs.context import REFRESH
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import CompareSettings, FilterSettings, LlmJudge, ValidateSettings
from core.pipeline.engines import clusters
from core.pipeline.planning import job_targets, workspace_graph
from core.pipeline.supervision import history, requests, run_deletion
from core.pipeline.supervision.history import Imported, JobsDeleted, RunNoted, Voted
from core.store import commits as stored_commits
from core.store import workspace_settings
from core.store.dialogues import dialogues
from core.store.evaluation import votes
from core.store.intents import (
    Adopt,
    Cancel,
    CastVote,
    DeleteRuns,
    ImportData,
    IntentRequest,
    NoteRuns,
    Pause,
    Refresh,
    Reparse,
    Resume,
    Retry,
    Start,
    WithdrawVote,
)
from core.store.jobs import engines, job_attempts, job_events, jobs, run_notes, rungs
from core.teachers.batches import adoption

#: The stages of jobs that ask judges.
_JUDGING = ("filter", "compare", "validate")


def carry_out(
    connection: sqlite3.Connection, workspace: WorkspacePaths, request: IntentRequest
) -> IntentOutcome | None:
    """Carry out a request; returns its outcome, if it has one. Raises `UserError` when it cannot be done."""
    before = jobs.newest_revision(connection)
    try:
        outcome = _carry_out(connection, workspace, request)
    except InvalidOptionError as error:
        raise located(error, read_config(workspace.config), str(workspace.config)) from error
    requests.note(connection, workspace, jobs.changed(connection, before))
    return outcome


def _carry_out(
    connection: sqlite3.Connection, workspace: WorkspacePaths, request: IntentRequest
) -> IntentOutcome | None:
    match request:
        case ImportData(imported):
            return _import(connection, workspace, imported)
        case Start():
            return _start(connection, workspace, request)
        case Cancel(job):
            return _cancel(connection, job)
        case Retry(job):
            return _retry(connection, workspace, job)
        case Reparse(judges):
            return _reparse(connection, workspace, judges)
        case Refresh(job):
            _refresh(connection, workspace, job)
        case Adopt(job, batch):
            return _adopt(connection, workspace, job, batch)
        case CastVote(vote):
            votes.put(connection, vote)
            history.append(workspace, Voted(at=time.time(), vote=vote, is_withdrawn=False))
        case WithdrawVote(vote):
            votes.remove(connection, vote)
            history.append(workspace, Voted(at=time.time(), vote=vote, is_withdrawn=True))
        case NoteRuns():
            _note_runs(connection, workspace, request)
        case DeleteRuns(runs):
            return _delete_runs(connection, workspace, runs)
        case Pause():
            workspace_settings.set_setting(connection, "paused", "1")
            job_events.add_event(connection, "paused")
            history.append(workspace, *history.settings({"paused": "1"}))
        case Resume():
            workspace_settings.set_setting(connection, "paused", None)
            job_events.add_event(connection, "resumed")
            history.append(workspace, *history.settings({"paused": None}))
    return None


def _import(
    connection: sqlite3.Connection, workspace: WorkspacePaths, imported: ImportedData
) -> ImportOutcome:
    path = workspace.dialogues(imported.data)
    if not path.exists() or files.sha256(path) != imported.data:
        raise UserError(f"{path} is missing or damaged: delete it and import {imported.file} again")
    dialogues.replace(connection, imported, records.read(path))
    counts = dialogues.counts(connection)
    job_events.add_event(connection, f"imported {counts.total} dialogues from {imported.file}")
    history.append(workspace, Imported(at=time.time(), data=imported))
    return ImportOutcome(counts)


def _start(connection: sqlite3.Connection, workspace: WorkspacePaths, request: Start) -> StartOutcome:
    imported = dialogues.imported(connection)
    if imported is None:
        raise UserError("no data is imported: run `empathy-tui import FILE` first")
    text = read_config(workspace.config)
    config = parse_config(text, str(workspace.config))
    before = stored_commits.commits(connection)
    planned = workspace_graph.plan(workspace, config, imported, before, request.validate)
    targets = request.targets
    if new_commits := {name: commit for name, commit in request.commits.items() if name not in before}:
        # The ids of jobs with these models change; the user named them by those of the plan before.
        names = {job.id: str(JobName(job.stage, job.name)) for job in planned}
        targets = tuple(names.get(target, target) for target in targets)
        changed = stored_commits.set_commits(connection, new_commits)
        history.append(workspace, *history.settings(changed))
        planned = workspace_graph.plan(workspace, config, imported, before | new_commits, request.validate)
    wanted = job_targets.resolve(planned, targets)
    if not wanted:
        raise UserError(f"{workspace.config} defines no jobs: add students, recipes and judges to it")
    for engine in {request.engine or config.slot_engines.of(job.slot) for job in wanted} - {LOCAL}:
        clusters.check(engine, config.engines)
    again = _start_anew(connection, job_targets.named(planned, targets)) if request.force else ()
    new = jobs.put(connection, wanted)
    whatever = job_targets.whatever_rungs_decide(planned, targets)
    rungs.ignore(
        connection, (job.id for job in wanted if job.id in whatever and gates(job.id, job.depends_on))
    )
    states = jobs.states(connection, (job.id for job in wanted))
    engines.set_engine(connection, states, request.engine)
    for job, state in states.items():
        if state in job_rules.UNSUCCESSFUL:
            jobs.request_again(connection, job, "requested again")
    for job in new:
        job_events.add_event(connection, "requested", job=job)
    done = tuple(job for job, state in states.items() if state == "done")
    # The last configuration that was valid, and what `config diff` compares with.
    files.write_bytes(workspace.started_config, text.encode())
    return StartOutcome(tuple(states), len(new), done, again)


def _start_anew(connection: sqlite3.Connection, names: Iterable[str]) -> tuple[str, ...]:
    """Queue the jobs that have ended again, from the start; returns their ids."""
    ended = [job for job, state in jobs.states(connection, sorted(names)).items() if state in job_rules.ENDED]
    for job in ended:
        jobs.start_anew(connection, job)
    return tuple(ended)


def _cancel(connection: sqlite3.Connection, job: str) -> CancelOutcome:
    state = _state(connection, job)
    problem = job_rules.cancel_problem(_name(connection, job), state)
    if problem is not None:
        raise UserError(problem)
    if state == "running":
        job_attempts.ask_to_stop(connection, job)
    else:
        jobs.set_state(connection, job, "cancelled")
    return CancelOutcome(state)


def _retry(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> RetryOutcome:
    """Queue the job again, and each failed or cancelled job that it depends on. One that a rung has stopped
    starts with what it needs, whatever the rung decided.

    Settings that do not change the results (a budget, limits, a price) are updated from the current
    configuration.
    """
    state = _state(connection, job)
    graph = jobs.graph(connection)
    states = jobs.states(connection, (link.id for link in graph))
    if state == "stopped":
        graph = [Link(link.id, work_of(link.id, link.depends_on)) for link in graph]
    # What has lost a rung that is decided needs no other try.
    decided = {link.id for link in graph if JobId.parse(link.id).stage == RUNG and states[link.id] == "done"}
    needed = dependencies_of((link for link in graph if link.id not in decided), [job])
    wanted = job_rules.REQUESTABLE if state == "stopped" else job_rules.UNSUCCESSFUL
    again = [name for name in (job, *sorted(needed)) if states.get(name) in wanted]
    if state == "stopped":
        rungs.ignore(connection, again)
    if not again:
        raise UserError(job_rules.retry_problem(_name(connection, job), state))
    imported = dialogues.imported(connection)
    if imported is not None:
        found = [stored.job for name in again if (stored := jobs.get(connection, name)) is not None]
        validate = {
            one.name: one.settings.pairs for one in found if isinstance(one.settings, ValidateSettings)
        }
        config = load_config(workspace.config)
        planned = workspace_graph.plan(
            workspace, config, imported, stored_commits.commits(connection), validate
        )
        jobs.put(connection, (one for one in planned if one.id in again))
    for name in again:
        jobs.request_again(connection, name, "retry requested")
    return RetryOutcome(tuple(again))


def _reparse(
    connection: sqlite3.Connection, workspace: WorkspacePaths, judges: Collection[str]
) -> ReparseOutcome:
    """Queue the jobs of these judges that have ended, as jobs that send nothing."""
    config = load_config(workspace.config)
    known = [name for name, judge in config.judges.items() if judge.provider != "embedded"]
    for name in judges:
        if name not in known:
            raise UserError(
                f"{name!r} is not a judge that is a large model; there are: {', '.join(known) or 'none'}"
            )
    imported = dialogues.imported(connection)
    ended = [] if imported is None else _ended_judging(connection, judges or known)
    # Those of earlier configurations stay as they are.
    validate = {one.name: one.settings.pairs for one in ended if isinstance(one.settings, ValidateSettings)}
    if imported is not None:
        commits = stored_commits.commits(connection)
        planned = workspace_graph.plan(workspace, config, imported, commits, validate)
        # A judge may have been validated on several numbers of pairs.
        current = {one.id for one in planned} | {one.id for one in ended if one.stage == "validate"}
        ended = [one for one in ended if one.id in current]
    if not ended:
        raise UserError("no job of these judges has ended: there are no answers to read")
    for one in ended:
        jobs.start_anew(connection, one.id, sends_requests=False)
    return ReparseOutcome(tuple(one.id for one in ended))


def _ended_judging(connection: sqlite3.Connection, judges: Collection[str]) -> list[PlannedJob]:
    found = []
    for link in jobs.graph(connection):
        stored = jobs.get(connection, link.id) if JobId.parse(link.id).stage in _JUDGING else None
        if stored is None or stored.state not in job_rules.ENDED:
            continue
        match stored.job.settings:
            case (
                FilterSettings(judge=LlmJudge(name=name))
                | CompareSettings(judge=LlmJudge(name=name))
                | ValidateSettings(judge=LlmJudge(name=name))
            ):
                if name in judges and stored.attempt:
                    found.append(stored.job)
    return found


def _note_runs(connection: sqlite3.Connection, workspace: WorkspacePaths, request: NoteRuns) -> None:
    known = run_notes.notes(connection)
    action: job_rules.RunAction = "archive" if request.archived else "note"
    configured = _configured(connection, workspace) if request.archived else frozenset[str]()
    entries = []
    for job in request.jobs:
        stored = jobs.get(connection, job)
        run_deletion.check(job, None if stored is None else stored.job, action, configured)
        before = known.get(job, RunNotes())
        tags = dict.fromkeys((*before.tags, *request.add_tags))
        noted = RunNotes(
            archived=before.archived if request.archived is None else request.archived,
            tags=tuple(tag for tag in tags if tag not in request.remove_tags),
            note=before.note if request.note is None else request.note,
        )
        run_notes.put(connection, job, noted)
        entries.append(RunNoted(at=time.time(), job=job, notes=noted))
    history.append(workspace, *entries)


def _delete_runs(
    connection: sqlite3.Connection, workspace: WorkspacePaths, runs: Collection[str]
) -> DeleteOutcome:
    deletion = run_deletion.plan(connection, workspace, _configured(connection, workspace), runs)
    names = [_name(connection, job) for job in deletion.runs]
    run_deletion.carry_out(connection, workspace, deletion)
    for name in names:
        job_events.add_event(connection, f"deleted {name}, which other settings had superseded")
    history.append(workspace, JobsDeleted(at=time.time(), jobs=deletion.jobs))
    return DeleteOutcome(deletion.runs, deletion.jobs, deletion.kept, deletion.bytes)


def _configured(connection: sqlite3.Connection, workspace: WorkspacePaths) -> frozenset[str]:
    """The ids of config.toml's jobs."""
    imported = dialogues.imported(connection)
    config = load_config(workspace.config)
    if imported is None:
        return frozenset()
    planned = workspace_graph.plan(workspace, config, imported, stored_commits.commits(connection))
    return frozenset(job.id for job in planned)


def _refresh(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> None:
    """Make a job that waits for a batch poll it now."""
    running = job_attempts.attempts(connection, job=job, state="running")
    if not running:
        raise UserError(job_rules.refresh_problem(_name(connection, job), _state(connection, job)))
    try:
        (workspace.inside(running[0].folder) / REFRESH).touch()
    except OSError as error:
        raise UserError(f"{running[0].folder} cannot be written: {error.strerror}") from error


def _adopt(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str, batch: str) -> AdoptOutcome:
    """Make a job of stage `generate` use a batch that the user names, now or when it runs next."""
    stored = jobs.get(connection, job)
    if stored is None or stored.job.stage != "generate":
        raise UserError(f"{job} is not a job of stage `generate`: start one, then name it")
    problem = job_rules.adopt_problem(_name(connection, job), stored.state)
    if problem is not None:
        raise UserError(problem)
    adoption.name(workspace.attempt(job, 1).parent, batch)
    job_events.add_event(connection, f"batch {batch} adopted by the user", job=job)
    if stored.state == "running":
        _refresh(connection, workspace, job)
    elif stored.state in job_rules.UNSUCCESSFUL:
        _retry(connection, workspace, job)
    return AdoptOutcome(stored.state)


def _name(connection: sqlite3.Connection, job: str) -> str:
    """The stage and the name of a job, for people."""
    stored = jobs.get(connection, job)
    return job if stored is None else f"{stored.job.stage} {stored.job.name}"


def _state(connection: sqlite3.Connection, job: str) -> JobState:
    state = jobs.states(connection, (job,)).get(job)
    if state is None:
        raise UserError(f"{job} was not requested: start it first")
    return state
