"""The queries of readers about jobs, and about what they have recorded while they ran."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs import rungs
from core.domain.jobs.events import Event
from core.domain.jobs.job import LOCAL, Job, Wait
from core.domain.jobs.results import Result
from core.domain.runs import SampleAnswer
from core.jobs import settings as job_settings
from core.jobs.settings import Settings

_decode_wait = msgspec.json.Decoder(Wait).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_warnings = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode
_decode_result = msgspec.json.Decoder(Result).decode


@dataclass
class KnownJobs:
    """The jobs of a store as they were last read."""

    connection: sqlite3.Connection | None = None
    """The connection that they were read from; None before the first read."""
    revision: int = -1
    """The largest revision among them; -1 before the first read."""
    place: int = -1
    """The largest row number among them, which is that of the newest; -1 before the first read."""
    jobs: dict[str, Job] = field(default_factory=dict)
    """Every requested job, by id, in the order of request."""

    def empty(self) -> None:
        """Forget all of them."""
        self.revision, self.place, self.jobs = -1, -1, {}


def jobs(connection: sqlite3.Connection, known: KnownJobs | None = None) -> dict[str, Job]:
    """Every requested job, by id, in the order of request.

    Of `known`, a cache, only jobs that have changed are read again; the others are the same objects as the
    last time. Raises `UserError` when a result is invalid.
    """
    if known is None:
        known = KnownJobs()
    elif known.connection is not connection:
        known.empty()
    # Not all columns: the settings contain whole prompts, and are most of a row. The plus keeps SQLite from
    # going through all rows in their order.
    rows = connection.execute(
        "SELECT id, stage, name, jobs.state, done, total, eta_s, attempt, jobs.started_at, finished_at,"
        " jobs.error, slot, fingerprint, depends_on, ignores_rungs, result, folder, waiting, gpu, revision,"
        " attempts.engine, host, queue,"
        " jobs.rowid AS place,"
        " jobs.state = 'running' AND cancel_at IS NOT NULL AS cancelling,"
        " iif(jobs.state = 'ready' AND attempts.is_preempted, attempts.error, NULL) AS preempted,"
        " (SELECT json_group_array(json_array(text, times)) FROM (SELECT text, sum(times) AS times"
        " FROM warnings WHERE warnings.job = jobs.id AND warnings.attempt > jobs.redone_after"
        " GROUP BY text ORDER BY min(at))) AS warnings"
        " FROM jobs LEFT JOIN attempts ON attempts.job = jobs.id AND attempts.number = jobs.attempt"
        " WHERE revision > ? ORDER BY +jobs.rowid",
        (known.revision,),
    ).fetchall()
    try:
        changed = [_job(row) for row in rows]
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: jobs: {error}: {troubles.REBUILD}") from error
    if any(row["place"] > known.place and row["id"] in known.jobs for row in rows):
        # It was deleted and requested again, so that it follows those that are known.
        return _again(connection, known)
    # Only after all of them could be read: those of a failed read are read again. A new job follows those
    # that are known, as its row does.
    known.jobs.update((job.id, job) for job in changed if job != known.jobs.get(job.id))
    known.revision = max((row["revision"] for row in rows), default=known.revision)
    known.place = max((row["place"] for row in rows), default=known.place)
    known.connection = connection
    if len(known.jobs) > connection.execute("SELECT count(*) FROM jobs").fetchone()[0]:
        return _again(connection, known)
    return known.jobs


def _again(connection: sqlite3.Connection, known: KnownJobs) -> dict[str, Job]:
    """Read all jobs, after some were deleted; those that are as before are the same objects."""
    before = known.jobs
    known.empty()
    for name, job in jobs(connection, known).items():
        known.jobs[name] = before[name] if before.get(name) == job else job
    return known.jobs


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        stage=row["stage"],
        name=row["name"],
        state=row["state"],
        requested=True,
        reason=None,
        done=row["done"],
        total=row["total"],
        eta_s=row["eta_s"],
        attempt=row["attempt"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=row["error"],
        slot=row["slot"],
        fingerprint=row["fingerprint"],
        depends_on=_depends_on(row),
        result=None if row["result"] is None else _result(row["id"], row["result"]),
        folder=row["folder"],
        gpu=row["gpu"],
        engine=row["engine"] or LOCAL,
        node=row["host"],
        queue=row["queue"],
        cancelling=bool(row["cancelling"]),
        preempted=row["preempted"],
        wait=None if row["waiting"] is None else _decode_wait(row["waiting"]),
        warnings=tuple(
            text if times == 1 else f"{text} ({times} times)"
            for text, times in _decode_warnings(row["warnings"])
        ),
    )


def _depends_on(row: sqlite3.Row) -> tuple[str, ...]:
    """What a job depends on, without the rungs that it ignores."""
    found: tuple[str, ...] = _decode_names(row["depends_on"])
    ignored = rungs.gates(row["id"], found) if row["ignores_rungs"] else ()
    return tuple(one for one in found if one not in ignored)


def _result(job: str, text: str) -> Result:
    try:
        result: Result = _decode_result(text)
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: job {job}: result: {error}: {troubles.REBUILD}") from error
    return result


def slot_use(connection: sqlite3.Connection) -> dict[str, int]:
    """The places of each slot that running jobs take."""
    rows = connection.execute(
        "SELECT slot, sum(coalesce(places, 1))"
        " FROM jobs LEFT JOIN attempts ON attempts.job = jobs.id AND attempts.number = jobs.attempt"
        " WHERE jobs.state = 'running' GROUP BY slot"
    )
    return dict(rows.fetchall())


def attempt_and_done(connection: sqlite3.Connection, job: str) -> tuple[int, int | None] | None:
    """A job's newest attempt and its number of finished units; None if there is no such job."""
    row = connection.execute("SELECT attempt, done FROM jobs WHERE id = ?", (job,)).fetchone()
    return None if row is None else (row["attempt"], row["done"])


def logged(
    connection: sqlite3.Connection, job: str, from_step: int, limit: int
) -> list[tuple[int, float, str]]:
    """(step, time, metrics as JSON) of at most `limit` points of a run from `from_step` on, by step."""
    rows = connection.execute(
        "SELECT step, at, metrics_json FROM metrics WHERE job = ? AND step >= ? ORDER BY step LIMIT ?",
        (job, from_step, limit),
    )
    return [(step, at, metrics_json) for step, at, metrics_json in rows]


def last_metrics(connection: sqlite3.Connection, name: str) -> dict[str, float]:
    """The last value of the metric `name` of each job that logged it, by job."""
    path = f"$.{json.dumps(name)}"
    rows = connection.execute(
        "SELECT id, (SELECT metrics_json ->> :path FROM metrics WHERE job = jobs.id"
        " AND metrics_json ->> :path IS NOT NULL ORDER BY step DESC LIMIT 1) AS value FROM jobs",
        {"path": path},
    )
    return {row["id"]: float(row["value"]) for row in rows if row["value"] is not None}


def plans(connection: sqlite3.Connection, jobs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """(settings, inputs) as JSON of these requested jobs, by job."""
    rows = connection.execute(
        "SELECT id, settings, inputs FROM jobs WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([*jobs]),),
    )
    return {row["id"]: (row["settings"], row["inputs"]) for row in rows}


def worked_seconds(connection: sqlite3.Connection) -> dict[str, float]:
    """How long the attempts of each job worked together, of jobs with an attempt that has ended."""
    rows = connection.execute(
        "SELECT job, sum(ended_at - started_at) AS seconds FROM attempts WHERE ended_at IS NOT NULL"
        " GROUP BY job"
    )
    return {row["job"]: row["seconds"] for row in rows}


def settings(connection: sqlite3.Connection, job: str) -> Settings | None:
    """The settings of a requested job, or None when there is no such job. Raises `UserError` when they are
    invalid."""
    row = connection.execute("SELECT settings FROM jobs WHERE id = ?", (job,)).fetchone()
    return None if row is None else job_settings.decode(row["settings"], f"job {job}: settings")


def results(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Result]:
    """The results of those of these jobs that are done. Raises `UserError` when one is invalid."""
    rows = connection.execute(
        "SELECT id, result FROM jobs WHERE state = 'done' AND result IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        (json.dumps([*ids]),),
    )
    return {row["id"]: _result(row["id"], row["result"]) for row in rows}


def samples(connection: sqlite3.Connection, job: str) -> list[SampleAnswer]:
    """A student's sample answers during training, by dialogue and step."""
    rows = connection.execute(
        "SELECT step, dialog_id, coalesce(utterance, '') AS utterance, text FROM samples"
        " LEFT JOIN dialogues USING (dialog_id) WHERE job = ? ORDER BY dialog_id, step",
        (job,),
    )
    return [SampleAnswer(**dict(row)) for row in rows]


def events(connection: sqlite3.Connection, *, job: str | None = None, limit: int = 200) -> list[Event]:
    """The newest events, of one job or all, oldest first."""
    # Only a condition that is wanted, so that an index is used.
    where = "" if job is None else "WHERE job = :job"
    rows = connection.execute(
        "SELECT events.id, at, job, events.attempt, text, stage || ' ' || name AS about"
        f" FROM events LEFT JOIN jobs ON jobs.id = job {where} ORDER BY events.id DESC LIMIT :limit",
        {"job": job, "limit": limit},
    ).fetchall()
    return [Event(**dict(row)) for row in reversed(rows)]


def attempt_folders(connection: sqlite3.Connection, job: str) -> Sequence[tuple[int, str]]:
    """(number, folder) of a job's attempts, oldest first."""
    rows = connection.execute("SELECT number, folder FROM attempts WHERE job = ? ORDER BY number", (job,))
    return [(row["number"], row["folder"]) for row in rows]
