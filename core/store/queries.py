"""The queries of readers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import msgspec

from core.domain.data.dialogues import HUMAN, Dialogue, RatedResponse, Split
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import DIMENSIONS, Dimension, Order, Verdict, Winner
from core.domain.jobs import rungs
from core.domain.jobs.events import Event
from core.domain.jobs.job import LOCAL, Job, Wait
from core.domain.jobs.results import Result
from core.domain.runs import SampleAnswer
from core.jobs import settings as job_settings
from core.jobs.settings import Settings
from core.store import dialogues as stored_data

_DIMENSIONS = ", ".join(DIMENSIONS)
_DIALOGUE = ("dialog_id", "emotion", "sentiment", "plutchik", "situation", "utterance", "split")

_decode_wait = msgspec.json.Decoder(Wait).decode
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
    changed = [_job(row) for row in rows]
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
            text if times == 1 else f"{text} ({times} times)" for text, times in json.loads(row["warnings"])
        ),
    )


def _depends_on(row: sqlite3.Row) -> tuple[str, ...]:
    """What a job depends on, without the rungs that it ignores."""
    found = tuple(json.loads(row["depends_on"]))
    ignored = rungs.gates(row["id"], found) if row["ignores_rungs"] else ()
    return tuple(one for one in found if one not in ignored)


def _result(job: str, text: str) -> Result:
    try:
        result: Result = _decode_result(text)
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: job {job}: result: {error}") from error
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


def responses(connection: sqlite3.Connection, job: str) -> dict[str, str]:
    """The responses of a respond job, by dialogue."""
    rows = connection.execute("SELECT dialog_id, text FROM responses WHERE job = ?", (job,))
    return dict(rows.fetchall())


def source_responses(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """The responses of every source to the test split, by source and dialogue."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "SELECT source, dialog_id, text FROM ratings JOIN dialogues USING (dialog_id) WHERE split = 'test'"
    )
    for source, dialog_id, text in rows:
        found.setdefault(source, {})[dialog_id] = text
    return found


def responses_to(connection: sqlite3.Connection, dialog_id: str) -> dict[str, str]:
    """The response of every respond job to a dialogue, by job."""
    rows = connection.execute(
        "SELECT jobs.id, text FROM jobs JOIN responses ON responses.job = jobs.id AND dialog_id = ?"
        " WHERE stage = 'respond'",
        (dialog_id,),
    )
    return dict(rows.fetchall())


def winners_of(connection: sqlite3.Connection, dialog_id: str) -> dict[str, list[tuple[Order, Winner]]]:
    """(order, winner) of the verdicts of every comparison on a dialogue, by job."""
    found: dict[str, list[tuple[Order, Winner]]] = {}
    rows = connection.execute(
        "SELECT jobs.id, ordering, winner FROM jobs JOIN verdicts ON verdicts.job = jobs.id AND dialog_id = ?"
        " WHERE stage = 'compare'",
        (dialog_id,),
    )
    for job, order, winner in rows:
        found.setdefault(job, []).append((order, winner))
    return found


def verdicts(connection: sqlite3.Connection, job: str, judge: str) -> dict[str, list[Verdict]]:
    """A comparison's verdicts by dialogue."""
    found: dict[str, list[Verdict]] = {}
    rows = connection.execute(
        f"SELECT dialog_id, ordering, winner, raw, number, probability_b, {_DIMENSIONS} FROM verdicts"
        " WHERE job = ? ORDER BY dialog_id, ordering, number",
        (job,),
    )
    for row in rows:
        found.setdefault(row["dialog_id"], []).append(
            Verdict(
                judge,
                row["ordering"],
                row["winner"],
                row["raw"],
                row["number"],
                row["probability_b"],
                {name: row[name] for name in DIMENSIONS if row[name] is not None},
            )
        )
    return found


def winners(connection: sqlite3.Connection, job: str) -> list[tuple[str, Order, Winner]]:
    """(dialogue, order, winner) of a comparison's verdicts, by dialogue."""
    rows = connection.execute(
        "SELECT dialog_id, ordering, winner FROM verdicts WHERE job = ? ORDER BY dialog_id", (job,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def probable_winners(
    connection: sqlite3.Connection, job: str
) -> list[tuple[str, Order, Winner, float | None]]:
    """(dialogue, order, winner, probability of b) of a comparison's verdicts, by dialogue; the probability is
    None where the judge gives none."""
    rows = connection.execute(
        "SELECT dialog_id, ordering, winner, probability_b FROM verdicts WHERE job = ? ORDER BY dialog_id",
        (job,),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def dimension_winners(
    connection: sqlite3.Connection, job: str
) -> dict[Dimension, list[tuple[str, Order, Winner]]]:
    """(dialogue, order, winner) of a comparison's verdicts in each dimension, by dialogue."""
    found: dict[Dimension, list[tuple[str, Order, Winner]]] = {}
    for name in DIMENSIONS:
        rows = connection.execute(
            f"SELECT dialog_id, ordering, {name} FROM verdicts WHERE job = ? AND {name} IS NOT NULL"
            " ORDER BY dialog_id",
            (job,),
        )
        if own := [(row[0], row[1], row[2]) for row in rows]:
            found[name] = own
    return found


def dialogues(connection: sqlite3.Connection, split: Split | None = None) -> list[Dialogue]:
    """All dialogues, or those of one split, in the file's order."""
    return list(each_dialogue(connection, split))


def each_dialogue(connection: sqlite3.Connection, split: Split | None = None) -> Iterator[Dialogue]:
    """The dialogues one by one, in the file's order."""
    yield from _dialogues(connection, ":split IS NULL OR split = :split", {"split": split})


def drawn_dialogues(connection: sqlite3.Connection, at_most: int) -> DrawnDialogues:
    """All dialogues, or about `at_most` of them if there are more: the same ones each time."""
    counts = stored_data.counts(connection)
    totals: dict[Split, int] = {"train": counts.train, "test": counts.test}
    total = counts.train + counts.test
    if total <= at_most:
        return DrawnDialogues(dialogues(connection), totals)
    # Positions multiplied by Knuth's constant: unlike every n-th one, they follow no order of the file.
    drawn = _dialogues(
        connection, "position * 2654435761 % 4294967296 < :below", {"below": 4294967296 * at_most // total}
    )
    return DrawnDialogues(list(drawn), totals)


def dialogues_named(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Dialogue]:
    """The dialogues of these ids, by id."""
    named = {"ids": json.dumps([*ids])}
    found = _dialogues(connection, "dialog_id IN (SELECT value FROM json_each(:ids))", named)
    return {dialogue.dialog_id: dialogue for dialogue in found}


def _dialogues(
    connection: sqlite3.Connection, where: str, values: Mapping[str, str | int | None]
) -> Iterator[Dialogue]:
    sources = _sources(connection)
    # Two queries side by side: with one, each response would come with its dialogue's texts.
    own, ratings = connection.cursor(), connection.cursor()
    own.row_factory = ratings.row_factory = None
    own.execute(f"SELECT {', '.join(_DIALOGUE)} FROM dialogues WHERE {where} ORDER BY position", values)
    ratings.execute(
        "SELECT dialog_id, source, text, rating FROM dialogues JOIN ratings USING (dialog_id)"
        f" WHERE {where} ORDER BY position",
        values,
    )
    groups = groupby(ratings, key=itemgetter(0))
    group = next(groups, None)
    for row in own:
        responses = {}
        if group is not None and group[0] == row[0]:
            responses = {source: RatedResponse(text, rating) for _, source, text, rating in group[1]}
            group = next(groups, None)
        fields = dict(zip(_DIALOGUE, row, strict=True))
        yield Dialogue(**fields, responses=_in_order(responses, sources))


def dialogue(connection: sqlite3.Connection, dialog_id: str) -> Dialogue | None:
    """A dialogue with its responses, or None."""
    row = connection.execute(
        f"SELECT {', '.join(_DIALOGUE)} FROM dialogues WHERE dialog_id = ?",
        (dialog_id,),
    ).fetchone()
    if row is None:
        return None
    rows = connection.execute("SELECT source, text, rating FROM ratings WHERE dialog_id = ?", (dialog_id,))
    found = {source: RatedResponse(text, rating) for source, text, rating in rows}
    return Dialogue(**dict(row), responses=_in_order(found, _sources(connection)))


def _sources(connection: sqlite3.Connection) -> tuple[str, ...]:
    imported = stored_data.imported(connection)
    return () if imported is None else (HUMAN, *imported.sources)


def _in_order(responses: dict[str, RatedResponse], sources: Sequence[str]) -> dict[str, RatedResponse]:
    return {source: responses[source] for source in sources if source in responses}


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
