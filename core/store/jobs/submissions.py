"""Submissions to teachers and judges, and their answers."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

import msgspec

from core.domain.submissions import (
    AnswerCount,
    BatchEvent,
    SentRequest,
    Submission,
)
from core.jobs.records import Answer, BatchRecord, SubmissionRecord


@dataclass(frozen=True)
class Sums:
    """Totals of a submission's answers; None where the provider did not report it."""

    answered: int
    """Requests with an outcome."""
    ok: int
    """Usable answers."""
    input_tokens: int | None
    """Input tokens, cached ones included."""
    cached_tokens: int | None
    """Those of them that were read from the provider's cache."""
    output_tokens: int | None
    """Output tokens, those of reasoning included."""
    reasoning_tokens: int | None
    """Those of them that are reasoning."""
    usd: float | None
    """Cost in US dollars."""
    estimated_usd: float | None
    """What of it is estimated; None if nothing is."""
    unpriced: int
    """Answers whose cost is not known."""


#: Token → totals of a collected submission, which no longer change.
KnownSums = dict[str, Sums]

_NOTHING = Sums(0, 0, None, None, None, None, None, None, 0)


def put(connection: sqlite3.Connection, job: str, at: float, submission: SubmissionRecord) -> None:
    """Record an intended submission; an existing one is unchanged."""
    added = connection.execute(
        "INSERT INTO submissions (token, job, mode, provider, base_url, key_digest, model, requests,"
        " estimated_usd, submitted_at, input_path, state, changed_at)"
        " VALUES (:token, :job, :mode, :provider, :base_url, :key_digest, :model, :requests, :usd, :at,"
        " :path, 'intended', :at) ON CONFLICT (token) DO NOTHING",
        {
            **msgspec.structs.asdict(submission),
            "requests": len(submission.requests),
            "job": job,
            "at": at,
        },
    )
    if added.rowcount:
        _put_event(connection, submission.token, at)


def put_state(connection: sqlite3.Connection, at: float, batch: BatchRecord) -> None:
    """Record a change of a submission; fields that the change does not contain are unchanged."""
    connection.execute(
        "UPDATE submissions SET state = :state, batch = coalesce(:id, batch),"
        " completed = coalesce(:completed, completed), failed = coalesce(:failed, failed),"
        " total = coalesce(:total, total), expires_at = coalesce(:expires_at, expires_at),"
        " output_path = coalesce(:output_path, output_path), error_path = coalesce(:error_path, error_path),"
        " key_digest = coalesce(:key_digest, key_digest),"
        " errors = CASE :errors WHEN '[]' THEN errors ELSE :errors END,"
        " collected = :collected, changed_at = :at WHERE token = :token AND NOT collected",
        msgspec.structs.asdict(batch) | {"errors": json.dumps(batch.errors), "at": at},
    )
    _put_event(connection, batch.token, at)


def put_answer(connection: sqlite3.Connection, at: float, answer: Answer) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO answers (token, key, number, dialog_id, outcome, text, error, input_tokens,"
        " cached_tokens, output_tokens, reasoning_tokens, usd, at, estimated) VALUES (:token, :key, :number,"
        " :dialog_id, :outcome, :text, :error, :input_tokens, :cached_tokens, :output_tokens,"
        " :reasoning_tokens, :usd, :at, :is_estimated)",
        # Without the log-probabilities, which the verdict summarises; the raw answer stays in the journal.
        {
            name: value
            for name, value in msgspec.structs.asdict(answer).items()
            if name not in ("logprobs", "removed", "raw")
        }
        | {"at": at},
    )


def submissions(connection: sqlite3.Connection, known: KnownSums | None = None) -> list[Submission]:
    """All submissions, newest first. `known` caches the totals of collected submissions."""
    found = sums(connection, known)
    rows = connection.execute(
        "SELECT submissions.*, jobs.name, jobs.state AS job_state FROM submissions"
        " JOIN jobs ON jobs.id = submissions.job ORDER BY submitted_at DESC, token"
    )
    return [_submission(row, found.get(row["token"], _NOTHING)) for row in rows]


def _submission(row: sqlite3.Row, sums: Sums) -> Submission:
    return Submission(
        token=row["token"],
        job=row["job"],
        job_name=row["name"],
        job_state=row["job_state"],
        mode=row["mode"],
        provider=row["provider"],
        base_url=row["base_url"],
        key_digest=row["key_digest"],
        model=row["model"],
        batch=row["batch"],
        state=row["state"],
        collected=bool(row["collected"]),
        requests=row["requests"],
        completed=row["completed"],
        failed=row["failed"],
        answered=sums.answered,
        ok=sums.ok,
        submitted_at=row["submitted_at"],
        changed_at=row["changed_at"],
        expires_at=row["expires_at"],
        input_tokens=sums.input_tokens,
        cached_tokens=sums.cached_tokens,
        output_tokens=sums.output_tokens,
        reasoning_tokens=sums.reasoning_tokens,
        estimated_usd=row["estimated_usd"],
        usd=None if sums.unpriced else sums.usd or 0.0,
        estimated_part_usd=sums.estimated_usd or 0.0,
        input_path=row["input_path"],
        output_path=row["output_path"],
        error_path=row["error_path"],
        errors=tuple(json.loads(row["errors"])),
    )


def sums(connection: sqlite3.Connection, known: KnownSums | None = None) -> dict[str, Sums]:
    """The totals of each submission with an answer, by its token.

    `known` caches those of collected submissions: a store has hundreds of thousands of answers.
    """
    known = {} if known is None else known
    sent = connection.execute("SELECT token, collected FROM submissions").fetchall()
    counted = connection.execute(
        "SELECT token, count(*) AS answered, sum(outcome = 'ok') AS ok, sum(input_tokens) AS input_tokens,"
        " sum(cached_tokens) AS cached_tokens, sum(output_tokens) AS output_tokens,"
        " sum(reasoning_tokens) AS reasoning_tokens, sum(usd) AS usd,"
        " sum(usd) FILTER (WHERE estimated) AS estimated_usd,"
        " sum(usd IS NULL AND output_tokens IS NOT NULL) AS unpriced"
        " FROM answers WHERE token IN (SELECT value FROM json_each(?)) GROUP BY token",
        (json.dumps([row["token"] for row in sent if row["token"] not in known]),),
    )
    found = known | {token: Sums(*row) for token, *row in counted}
    for row in sent:
        # It was already collected when its answers were counted, so no answer is missing.
        if row["collected"] and row["token"] in found:
            known[row["token"]] = found[row["token"]]
    return found


def batch_events(connection: sqlite3.Connection, token: str) -> list[BatchEvent]:
    """The timeline of a submission, oldest first."""
    rows = connection.execute(
        "SELECT at, state, completed, failed, total FROM submission_states WHERE token = ? ORDER BY at",
        (token,),
    )
    return [BatchEvent(**dict(row)) for row in rows]


def outcomes(connection: sqlite3.Connection, token: str) -> list[AnswerCount]:
    """A submission's answers counted by outcome and the provider's error, most frequent first."""
    rows = connection.execute(
        "SELECT outcome, error, count(*) AS requests,"
        " min(CASE WHEN text <> '' THEN substr(text, 1, 200) END) AS example FROM answers WHERE token = ?"
        " GROUP BY outcome, error ORDER BY requests DESC, outcome, error",
        (token,),
    )
    return [AnswerCount(**dict(row)) for row in rows]


def requests(
    connection: sqlite3.Connection,
    token: str,
    group: tuple[str, str | None] | None,
    after: tuple[str, int],
    limit: int,
) -> list[SentRequest]:
    """At most `limit` answers after the (key, number) `after`: all, or those with one (outcome, error)."""
    outcome, error = group or (None, None)
    rows = connection.execute(
        "SELECT key, number, dialog_id, outcome, text, error, input_tokens, output_tokens, reasoning_tokens,"
        " usd, at, estimated FROM answers WHERE token = :token AND (key, number) > (:key, :number)"
        " AND (:outcome IS NULL OR (outcome = :outcome AND error IS :error))"
        " ORDER BY key, number LIMIT :limit",
        {
            "token": token,
            "outcome": outcome,
            "error": error,
            "limit": limit,
            "key": after[0],
            "number": after[1],
        },
    )
    return [SentRequest(**{**dict(row), "estimated": bool(row["estimated"])}) for row in rows]


def answered(connection: sqlite3.Connection) -> set[str]:
    """The keys of the requests that have a usable answer."""
    rows = connection.execute("SELECT DISTINCT key FROM answers WHERE outcome = 'ok'")
    return {row["key"] for row in rows}


def spending(connection: sqlite3.Connection, known: KnownSums | None = None) -> list[tuple[str, Sums]]:
    """The job and the totals of each submission with an answer.

    `known` caches the totals of collected submissions.
    """
    found = sums(connection, known)
    rows = connection.execute("SELECT token, job FROM submissions ORDER BY job, model, token")
    return [(row["job"], found[row["token"]]) for row in rows if row["token"] in found]


def used_tokens(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """Answers whose tokens the provider reported, and their output tokens, by stage and model."""
    rows = connection.execute(
        "SELECT stage, model, count(*) AS answers, sum(output_tokens) AS tokens FROM answers"
        " JOIN submissions USING (token) JOIN jobs ON jobs.id = submissions.job"
        " WHERE output_tokens IS NOT NULL AND NOT estimated GROUP BY stage, model"
    )
    return {(row["stage"], row["model"]): (row["answers"], row["tokens"]) for row in rows}


def costs(connection: sqlite3.Connection) -> dict[str, tuple[float | None, int]]:
    """Each job's (US dollars, requests with an answer); dollars None where the cost of any is unknown."""
    rows = connection.execute(
        "SELECT job, coalesce(sum(usd), 0.0) AS usd, count(DISTINCT key) AS requests,"
        " sum(usd IS NULL AND output_tokens IS NOT NULL) AS unpriced"
        " FROM answers JOIN submissions USING (token) GROUP BY job"
    )
    return {row["job"]: (None if row["unpriced"] else row["usd"], row["requests"]) for row in rows}


def reserved_usd(connection: sqlite3.Connection) -> float:
    """US dollars reserved for running submissions, by their estimates."""
    row = connection.execute(
        "SELECT sum(max(0.0, estimated_usd - coalesce("
        "(SELECT sum(usd) FROM answers WHERE answers.token = submissions.token), 0.0))) AS usd"
        " FROM submissions JOIN jobs ON jobs.id = submissions.job"
        " WHERE NOT collected AND (batch IS NOT NULL OR jobs.state = 'running')"
    ).fetchone()
    return float(row["usd"] or 0.0)


def _put_event(connection: sqlite3.Connection, token: str, at: float) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO submission_states SELECT token, :at, state, completed, failed, total"
        " FROM submissions WHERE token = :token",
        {"token": token, "at": at},
    )
