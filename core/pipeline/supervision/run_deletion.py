"""Deleting superseded runs: which jobs go with them, which stay, and the removal of their folders."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs import job_rules, rungs
from core.domain.jobs.dependencies import Link, dependencies_of, dependents_of
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED, RunAction
from core.domain.names import RUN_STAGES
from core.domain.runs import RunDeletion
from core.jobs.planned_job import PlannedJob
from core.store.jobs import job_queries, run_notes


def plan(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    configured: Collection[str],
    runs: Iterable[str],
) -> RunDeletion:
    """What would be deleted with the jobs `runs`; `configured` are the ids of config.toml's jobs.

    Raises `UserError` for what is not a run, or is needed.
    """
    jobs = job_queries.jobs(connection)
    chosen = list(dict.fromkeys(runs))
    for name in chosen:
        check(name, jobs.get(name), "delete", configured)
    links = [Link(job.id, rungs.work_of(job.id, job.depends_on)) for job in jobs.values()]
    on_top = dependents_of(links, chosen)
    active = next((jobs[name] for name in (*chosen, *on_top) if jobs[name].state not in ENDED), None)
    if active is not None:
        state = "cancelling" if active.cancelling else active.state
        raise UserError(
            f"{active.title} ({active.id}) is {state}, and needs it: cancel it first with "
            f"`empathy-tui cancel {active.id}`"
        )
    paid = run_notes.paid(connection, [name for name in on_top if jobs[name].stage == "compare"])
    kept = paid | {
        name for name in dependencies_of(jobs.values(), paid) & on_top if jobs[name].stage == "respond"
    }
    deleted = [job for job in jobs.values() if job.id in {*chosen, *on_top} - kept]
    return RunDeletion(
        runs=tuple(job.id for job in deleted if job.stage in RUN_STAGES),
        jobs=tuple(job.id for job in deleted),
        kept=tuple(sorted(kept)),
        bytes=sum(size(_folder(workspace, job.id)) for job in deleted),
    )


def check(name: str, job: Job | PlannedJob | None, action: RunAction, configured: Collection[str]) -> None:
    """Raises `UserError` where the requested job of that id is not a run, or this cannot be done to it."""
    if job is None or job.stage not in RUN_STAGES:
        raise UserError(f"{name} is not a requested run: `empathy-tui runs` lists them")
    shown = f"{job.stage} {job.name} ({name})"
    problem = job_rules.run_problem(action, shown, requested=True, in_config=name in configured)
    if problem is not None:
        raise UserError(problem)


def carry_out(connection: sqlite3.Connection, workspace: WorkspacePaths, deletion: RunDeletion) -> None:
    """Delete the jobs of a plan, with their folders, in the caller's transaction.

    If the process ends in between, the caller does it again from the start.
    """
    # Out of the folder of jobs in one step each: half a job's folder would look like a job.
    removed = workspace.artifacts / "deleted"
    try:
        removed.mkdir(parents=True, exist_ok=True)
        for job in deletion.jobs:
            folder = _folder(workspace, job)
            with suppress(FileNotFoundError):
                shutil.rmtree(removed / folder.name)
            with suppress(FileNotFoundError):
                folder.rename(removed / folder.name)
        shutil.rmtree(removed)
    except OSError as error:
        raise UserError(
            f"{error.filename or removed} cannot be deleted: {error.strerror or error}; delete the run again "
            "once that is possible"
        ) from error
    run_notes.delete_jobs(connection, deletion.jobs)


def size(folder: Path) -> int:
    """The disk space of the files in a folder, links to elsewhere left out; 0 if there is no such folder."""
    total = 0
    # Files may go while a job runs.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += size(Path(entry.path))
            else:
                total += _blocks(entry)
    return total


def _blocks(entry: os.DirEntry[str]) -> int:
    with suppress(OSError):
        return entry.stat(follow_symlinks=False).st_blocks * 512
    return 0


def _folder(workspace: WorkspacePaths, job: str) -> Path:
    return workspace.attempt(job, 1).parent
