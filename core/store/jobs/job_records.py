"""What attempts have recorded: metrics, sample answers, warnings, responses, verdicts and outputs."""

from __future__ import annotations

import json
import sqlite3

import msgspec

from core.domain.evaluation.verdicts import DIMENSIONS
from core.jobs.records import Artifact, Metric, VerdictRecord
from core.store.jobs.job_attempts import Attempt
from core.store.jobs.job_events import add_event


def put_metric(connection: sqlite3.Connection, job: str, at: float, metric: Metric) -> None:
    """Write the metrics of a step; if the step was logged before (evaluation, a resumed run), merge them.

    Values that are not finite are stored as strings: NaN, Infinity, -Infinity.
    """
    connection.execute(
        "INSERT INTO metrics VALUES (?, ?, ?, ?) ON CONFLICT (job, step)"
        " DO UPDATE SET at = excluded.at, metrics_json = json_patch(metrics_json, excluded.metrics_json)",
        (job, metric.step, at, json.dumps(metric.values | metric.not_finite)),
    )


def put_sample(connection: sqlite3.Connection, job: str, step: int, dialog_id: str, text: str) -> None:
    connection.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?)", (job, step, dialog_id, text))


def put_warning(connection: sqlite3.Connection, attempt: Attempt, at: float, text: str) -> None:
    """Record a warning of an attempt: as an event the first time, then how often it was repeated."""
    cursor = connection.execute(
        "INSERT INTO warnings VALUES (?, ?, ?, 1, ?) ON CONFLICT (job, attempt, text) DO NOTHING",
        (attempt.job, attempt.number, text, at),
    )
    if cursor.rowcount:
        add_event(connection, f"warning: {text}", job=attempt.job, attempt=attempt.number)
    else:
        connection.execute(
            "UPDATE warnings SET times = times + 1 WHERE job = ? AND attempt = ? AND text = ?",
            (attempt.job, attempt.number, text),
        )


def put_response(connection: sqlite3.Connection, job: str, dialog_id: str, text: str, finish: str) -> None:
    connection.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", (job, dialog_id, text, finish))


def put_verdict(connection: sqlite3.Connection, job: str, verdict: VerdictRecord) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO verdicts VALUES (:job, :dialog_id, :order, :number, :winner, :raw,"
        " :probability_b, :cognitive, :affective, :compassionate)",
        {
            "job": job,
            **msgspec.structs.asdict(verdict),
            **{str(name): verdict.dimensions.get(name) for name in DIMENSIONS},
        },
    )


def put_artifact(connection: sqlite3.Connection, attempt: Attempt, artifact: Artifact) -> None:
    """Record an output; its path is stored relative to the workspace."""
    connection.execute(
        "INSERT OR REPLACE INTO artifacts VALUES (?, ?, ?, ?, ?, ?)",
        (
            attempt.job,
            artifact.name,
            attempt.number,
            f"{attempt.folder}/{artifact.path}",
            artifact.sha256,
            artifact.bytes,
        ),
    )


def artifact(connection: sqlite3.Connection, job: str, name: str) -> tuple[str, int] | None:
    """The path, relative to the workspace, of a job's output, and its bytes; or None."""
    row = connection.execute(
        "SELECT path, bytes FROM artifacts WHERE job = ? AND name = ?", (job, name)
    ).fetchone()
    return None if row is None else (row["path"], row["bytes"])
