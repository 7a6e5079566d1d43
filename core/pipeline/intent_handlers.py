"""How each kind of intent is carried out, within the supervisor's transaction."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from core.config import schema as configuration
from core.config.workspace import WorkspacePaths
from core.dialogues import records
from core.domain import job_rules
from core.domain.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs import JobState
from core.jobs import files
from core.jobs.context import REFRESH
from core.pipeline import planner, workspace_graph
from core.pipeline.planner import Node
from core.store import dialogues, jobs, votes
from core.store.intents import Intent
from core.store.jobs import NewJob
from core.teachers import adoption


def carry_out(connection: sqlite3.Connection, workspace: WorkspacePaths, intent: Intent) -> dict[str, Any]:
    """Do what the intent asks; the result for whoever asked. Raises `UserError` when it cannot be."""
    payload = intent.payload
    match intent.kind:
        case "import":
            return _import(connection, workspace, msgspec.convert(payload["facts"], ImportedData))
        case "start":
            return _start(connection, workspace, payload["targets"], payload.get("calibrate"))
        case "cancel":
            return _cancel(connection, payload["job"])
        case "retry":
            return _retry(connection, workspace, payload["job"])
        case "refresh":
            return _refresh(connection, workspace, payload["job"])
        case "adopt":
            return _adopt(connection, workspace, payload["job"], payload["batch"])
        case "vote":
            votes.put(connection, payload)
            return {}
        case "unvote":
            votes.remove(connection, payload)
            return {}
        case "pause" | "resume":
            jobs.set_setting(connection, "paused", "1" if intent.kind == "pause" else None)
            jobs.add_event(connection, "paused" if intent.kind == "pause" else "resumed")
            return {}


def _import(connection: sqlite3.Connection, workspace: WorkspacePaths, facts: ImportedData) -> dict[str, Any]:
    path = workspace.dialogues(facts.data)
    if not path.exists() or files.sha256(path) != facts.data:
        raise UserError(f"{path} is missing or damaged: delete it and import {facts.file} again")
    dialogues.replace(connection, facts, records.read(path))
    counts = dialogues.counts(connection)
    jobs.add_event(connection, f"imported {counts.total} dialogues from {facts.file}")
    return {"dialogues": {"total": counts.total, "train": counts.train, "test": counts.test}}


def _start(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    targets: list[str],
    calibrate: dict[str, int] | None,
) -> dict[str, Any]:
    facts = dialogues.imported(connection)
    if facts is None:
        raise UserError("there is no data yet: `empathy-tui import CSV` first")
    nodes = workspace_graph.plan(workspace, configuration.load(workspace.config), facts, calibrate)
    wanted = planner.resolve(nodes, targets)
    if not wanted:
        raise UserError(f"{workspace.config} asks for nothing: name students, recipes and judges in it")
    new = jobs.put(
        connection,
        map(new_job, wanted),
    )
    states = jobs.states(connection, (node.id for node in wanted))
    for job, state in states.items():
        if state in job_rules.UNSUCCESSFUL:
            jobs.set_state(connection, job, "waiting", event="requested again")
    for job in new:
        jobs.add_event(connection, "requested", job=job)
    done = [job for job, state in states.items() if state == "done"]
    return {"jobs": list(states), "new": len(new), "done": done}


def new_job(node: Node) -> NewJob:
    """The node as the store takes it."""
    return NewJob(
        node.id,
        node.stage,
        node.name,
        node.fingerprint,
        node.slot,
        node.settings,
        node.inputs,
        node.depends_on,
    )


def _cancel(connection: sqlite3.Connection, job: str) -> dict[str, Any]:
    state = _state(connection, job)
    problem = job_rules.cancel_problem(job, state)
    if problem is not None:
        raise UserError(problem)
    if state == "running":
        jobs.ask_to_stop(connection, job)
    else:
        jobs.set_state(connection, job, "cancelled")
    return {"state": state}


def _retry(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> dict[str, Any]:
    """Ask for the job again, and for those it depends on that failed or were cancelled.

    With today's settings, of those that do not change the work (a budget, limits, a price).
    """
    state = _state(connection, job)
    again = [name for name in _with_dependencies(connection, job) if _failed(connection, name)]
    if not again:
        raise UserError(job_rules.retry_problem(job, state))
    facts = dialogues.imported(connection)
    if facts is not None:
        found = [jobs.get(connection, name) for name in again]
        calibrate = {one.name: one.settings["pairs"] for one in found if one and one.stage == "calibrate"}
        nodes = workspace_graph.plan(workspace, configuration.load(workspace.config), facts, calibrate)
        jobs.put(connection, (new_job(node) for node in nodes if node.id in again))
    for name in again:
        jobs.set_state(connection, name, "waiting", event="to be tried again")
    return {"jobs": again}


def _refresh(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str) -> dict[str, Any]:
    """Have a job that waits for something outside look at it now."""
    running = jobs.attempts(connection, job=job, state="running")
    if not running:
        raise UserError(job_rules.refresh_problem(job, _state(connection, job)))
    (workspace.root / running[0].folder / REFRESH).touch()
    return {}


def _adopt(connection: sqlite3.Connection, workspace: WorkspacePaths, job: str, batch: str) -> dict[str, Any]:
    """Have a teach job look at a batch that the user names, at once or when it next runs."""
    stored = jobs.get(connection, job)
    if stored is None or stored.stage != "teach":
        raise UserError(f"{job} is not a job that asks a teacher: start one, then name it")
    if stored.state == "done":
        raise UserError(f"{job} is done: it wants no more answers")
    adoption.name(workspace.artifacts / "jobs" / job, batch)
    jobs.add_event(connection, f"batch {batch} named by hand", job=job)
    if stored.state == "running":
        _refresh(connection, workspace, job)
    elif stored.state in job_rules.UNSUCCESSFUL:
        _retry(connection, workspace, job)
    return {"state": stored.state}


def _with_dependencies(connection: sqlite3.Connection, job: str) -> list[str]:
    found, queue = [job], [job]
    while queue:
        stored = jobs.get(connection, queue.pop())
        for dependency in () if stored is None else stored.depends_on:
            if dependency not in found:
                found.append(dependency)
                queue.append(dependency)
    return found


def _failed(connection: sqlite3.Connection, job: str) -> bool:
    return jobs.states(connection, (job,)).get(job) in job_rules.UNSUCCESSFUL


def _state(connection: sqlite3.Connection, job: str) -> JobState:
    state = jobs.states(connection, (job,)).get(job)
    if state is None:
        raise UserError(f"{job} was never requested: start it first")
    return state
