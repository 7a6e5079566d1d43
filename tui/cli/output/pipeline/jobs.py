"""What the commands about jobs print for people: the pipeline's status, and the outcome of a job."""

from __future__ import annotations

import time

from rich.console import Console

from core.api import (
    Job,
    Snapshot,
    count_jobs,
)
from tui.cli.output.data.data import dialogue_counts
from tui.cli.output.tables import cell, make_table, print_fields, print_line, print_table
from tui.format.jobs import engines, job_counts, waits
from tui.format.jobs.job_states import look
from tui.format.values import UNKNOWN, duration

#: Columns from which the table of jobs has room for notes.
_WIDE = 130

_STYLES = {"done": "green", "running": "cyan", "queued": "blue", "failed": "red", "cancelled": "yellow"}


def print_status(console: Console, snapshot: Snapshot) -> None:
    """The workspace, its supervisor, and every job."""
    supervisor = snapshot.supervisor
    running = "idle" if not supervisor.running else f"running (pid {supervisor.pid or 'unknown'})"
    paused = ", paused: `empathy-tui resume` lets jobs start" if snapshot.paused else ""
    print_fields(
        console,
        ("workspace", snapshot.workspace),
        ("data", dialogue_counts(snapshot.dialogues)),
        ("supervisor", running + paused),
        *(("engine", engines.use(engine)) for engine in snapshot.engines),
    )
    if not snapshot.jobs:
        print_line(console, _next_step(snapshot))
        return
    sums = count_jobs(snapshot.jobs)
    numbers = [job_counts.done_of(sums), *(text for text, _ in job_counts.others(sums))]
    print_fields(console, ("jobs", ", ".join(numbers)))
    console.print()
    wide = console.width >= _WIDE
    table = make_table("job", "state", "name", "progress", "time", *(("note",) if wide else ()), left=3)
    if wide:
        table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for job in snapshot.jobs:
        looks = look(job)
        style = _STYLES.get(looks.word, "dim")
        table.add_row(
            cell(job.id),
            cell(f"{looks.glyph} {looks.word}", style),
            cell(job.name),
            cell("" if job.done is None else f"{job.done}/{UNKNOWN if job.total is None else job.total}"),
            cell(time_taken(job)),
            *((cell(_note(job), style),) if wide else ()),
        )
    print_table(console, table)
    for job in snapshot.jobs:
        for warning in job.warnings:
            print_line(console, f"{job.id}: warning: {warning}", "yellow")
    for job in () if wide else snapshot.jobs:
        if job.state == "failed" and job.error is not None:
            print_line(console, f"{job.id}: {job.error}", "red")
        if job.state == "running" and (where := job.queue or engines.place(job)):
            print_line(console, f"{job.id}: {where if job.queue else f'on {where}'}", "dim")
        if job.wait is not None:
            print_line(console, f"{job.id}: {waits.words(job.wait, time.time())}", "yellow")


def _note(job: Job) -> str:
    """Why a job failed, does not run, or waits."""
    if job.wait is not None:
        return waits.words(job.wait, time.time())
    if job.state == "running" and (job.queue is not None or engines.place(job)):
        return job.queue or f"on {engines.place(job)}"
    if job.state == "failed":
        return job.error or UNKNOWN
    if not job.in_config:
        return "; ".join(filter(None, ("not in config.toml any more", job.reason)))
    return (job.reason or "") if job.requested else ""


def _next_step(snapshot: Snapshot) -> str:
    """What to do in a workspace without jobs."""
    if snapshot.dialogues.total == 0:
        return (
            "There is no data yet. Import a file: `empathy-tui import FILE`. "
            "Or try a sample: `empathy-tui demo`."
        )
    if snapshot.config_error is not None:
        return "config.toml is invalid: fix it to plan jobs."
    return "config.toml defines no jobs: add students, recipes and judges (`empathy-tui init` shows how)."


def time_taken(job: Job) -> str:
    """How long the last attempt at a finished job took; empty for others."""
    return "" if job.took_s is None else duration(job.took_s)
