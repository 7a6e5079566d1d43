"""Whether runs that are done were trained on the examples that the jobs before them have now: such a job may
be done again, and make others."""

from __future__ import annotations

import sqlite3
import time

from core.store.jobs.job_attempts import Attempt
from core.store.jobs.job_events import add_event

_RUNS = (
    "SELECT runs.id, runs.name, runs.stage, runs.attempt, makers.stage AS made_by,"
    " artifacts.sha256 = runs.result ->> '$.data_sha256' AS is_same"
    " FROM jobs AS runs"
    " JOIN json_each(runs.inputs) AS read ON read.key IN ('examples', 'preferences')"
    " JOIN artifacts ON artifacts.job = substr(read.value, 1, instr(read.value, '/') - 1)"
    " AND artifacts.name = substr(read.value, instr(read.value, '/') + 1)"
    " JOIN jobs AS makers ON makers.id = artifacts.job"
    " WHERE runs.stage IN ('sft', 'sft-dpo') AND runs.state = 'done'"
    " AND runs.result ->> '$.data_sha256' IS NOT NULL"
)


def check(connection: sqlite3.Connection, ended: Attempt) -> None:
    """After this attempt has done its job: warn of a run that was trained on other examples than there are
    now, whether the job is that run or has made its examples; and take the warning back where they are the
    same again."""
    of = "AND runs.id = ?" if ended.number == 1 else "AND ? IN (runs.id, artifacts.job)"
    for run in connection.execute(f"{_RUNS} {of}", (ended.job,)).fetchall():
        text = (
            f"its examples have changed since (stage {run['made_by']}): "
            f"`empathy-tui run {run['stage']}:{run['name']} --force` trains it again"
        )
        given = (run["id"], run["attempt"], text)
        is_known = connection.execute(
            "SELECT 1 FROM warnings WHERE job = ? AND attempt = ? AND text = ?", given
        ).fetchone()
        if is_known and run["is_same"]:
            connection.execute("DELETE FROM warnings WHERE job = ? AND attempt = ? AND text = ?", given)
            # Readers look at jobs of which a column has changed.
            connection.execute("UPDATE jobs SET error = error WHERE id = ?", (run["id"],))
        elif not is_known and not run["is_same"]:
            connection.execute("INSERT INTO warnings VALUES (?, ?, ?, 1, ?)", (*given, time.time()))
            add_event(connection, f"warning: {text}", job=run["id"], attempt=run["attempt"])
