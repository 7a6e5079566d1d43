"""What is in a store, and a store that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


def store_rows(supervised: SupervisedWorkspace) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the store but intents, times and what is counted on its way in."""
    found = {
        "jobs": "SELECT id, stage, name, fingerprint, slot, state, settings, inputs, depends_on, attempt,"
        " done, total, error, result, waiting, redone_after, sends_requests, ignores_rungs, engine,"
        " requested_at, row_number() OVER (ORDER BY rowid)"
        " FROM jobs ORDER BY id",
        "attempts": "SELECT job, number, folder, state, pid, host, seq, offset, reached, error, process,"
        " cancel_at IS NULL, gpu, is_preempted, engine, queue, places FROM attempts ORDER BY 1, 2",
        "events": "SELECT job, attempt, text FROM events WHERE attempt IS NOT NULL ORDER BY 1, 2, 3",
        "imports": "SELECT file, sha256, data FROM imports ORDER BY id",
    }
    for table in ("dialogues", "ratings", "metrics", "samples", "responses", "verdicts", "artifacts"):
        found[table] = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
    for table in ("submissions", "submission_states", "answers", "warnings", "votes", "meta", "run_notes"):
        found[table] = f"SELECT * FROM {table} ORDER BY 1, 2"
    return {name: supervised.query(sql) for name, sql in found.items()}


def lose(supervised: SupervisedWorkspace) -> None:
    for path in supervised.workspace.root.glob("state.db*"):
        path.unlink()
