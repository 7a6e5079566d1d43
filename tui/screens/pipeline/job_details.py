"""One job in full: its state and reason, its dependencies, its results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.content import Content

from core.api import find_job
from tui.format import values as formats
from tui.format.jobs import engines, job_states, outcomes, results, waits
from tui.format.text import visible
from tui.screens.pipeline.job_rows import elapsed

if TYPE_CHECKING:
    from core.api import Job, Snapshot
    from tui.format.text import TextPart

#: The width of the labels.
LABEL = 10


def describe(job: Job, snapshot: Snapshot, now: float, *, is_raw: bool = False) -> Content:
    """The job's details, the most urgent first; `now` in Unix seconds.

    `is_raw` shows the result's values by their names in JSON, and the fingerprint.
    """
    look = job_states.look(job)
    lines: list[list[TextPart]] = [
        [
            (f"{look.glyph} {look.word}", f"${look.colour}"),
            ("  " + visible(job.stage), "$text-muted"),
            ("  " + visible(job.name), "bold"),
        ]
    ]
    if job.error is not None:
        lines.append([(visible(job.error, lines=True), "$text-error")])
    if job.wait is not None:
        lines.append([(visible(waits.words(job.wait, now)), "$text-warning")])
    lines += [[(f"warning: {visible(warning)}", "$text-warning")] for warning in job.warnings]
    if not job.in_config:
        lines.append([("config.toml no longer has this job: it was requested before", "$text-warning")])
    if job.state == "running" and job.queue is not None:
        lines.append([(visible(job.queue), "$text-secondary")])
    if job.cancelling:
        lines.append([("cancelling: it stops at its next step", "$text-warning")])
    if job.reason is not None:
        lines.append([(visible(job.reason), "$text-warning" if job.requested else "$text-muted")])
    lines.append(_row("run", _course(job, now)))
    if job.engine != "local":
        lines += [
            _row("engine", visible(engines.use(use))) for use in snapshot.engines if use.name == job.engine
        ]
    if job.result is not None:
        found = [results.raw(job)] if is_raw else results.sentences(job.result)
        lines += [_row("result" if at == 0 else "", line) for at, line in enumerate(found)]
    lines += [_row("answers", line) for line in outcomes.of_job(job, snapshot)]
    if job.depends_on:
        lines.append(_row("needs", _needs(job, snapshot)))
    if is_raw:
        lines.append(_row("settings", f"{job.fingerprint[:16]} (fingerprint)  job {visible(job.id)}"))
    if job.folder is not None:
        lines.append(_row("folder", visible(job.folder)))
    return Content("\n").join([Content.assemble(*line) for line in lines])


def no_jobs(snapshot: Snapshot) -> Content:
    """The message if the pipeline has no jobs."""
    if snapshot.config_error is not None:
        return Content.assemble(
            ("✗ config.toml is invalid\n\n", "$text-error"),
            visible(snapshot.config_error, lines=True),
            "\n\nEdit it; this screen updates when it is saved.",
        )
    return Content(
        "config.toml defines no jobs: add students, recipes and judges.\n"
        "This screen updates when it is saved."
    )


def _row(label: str, value: str) -> list[TextPart]:
    return [(f"{label:<{LABEL}}", "$text-muted"), value]


def _course(job: Job, now: float) -> str:
    parts = [f"on {visible(engines.place(job)) or job.slot}"]
    if job.attempt:
        parts.append(f"attempt {job.attempt}")
    if job.done is not None and job.total:
        parts.append(f"{job.done:,} of {job.total:,}")
    if job.started_at is not None:
        since = time.strftime("%Y-%m-%d %H:%M:%S", formats.local_time(job.started_at))
        parts.append(f"{'started' if job.queue is None else 'queued'} {since}")
    took = elapsed(job, now)
    if took is not None:
        parts.append(f"{'for' if job.state == 'running' else 'took'} {formats.duration(took)}")
    if job.state == "running" and job.eta_s is not None:
        parts.append(f"ETA {formats.duration(job.eta_s)}")
    return "  ·  ".join(parts)


def _needs(job: Job, snapshot: Snapshot) -> str:
    named = []
    for needed in job.depends_on:
        other = find_job(snapshot, needed)
        if other is None:
            named.append(visible(needed))
        else:
            named.append(f"{job_states.look(other).glyph} {visible(other.title)}")
    return "  ".join(named)
