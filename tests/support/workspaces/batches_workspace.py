"""A workspace in which teachers were asked: batches and calls in every state that a person may meet."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.states import JobState
from core.domain.submissions import BatchState, Outcome
from core.jobs.records import Answer, BatchRecord, SubmissionRecord
from core.pipeline.planning import planner
from core.prompts import templates
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, jobs, submissions
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces import made_once
from tests.support.workspaces.filled_workspace import HOSTILE, NOW

CONFIG = """
[teachers.gpt]
provider = "openai"
model = "gpt-4o"
mode = "batch"
[recipes]
train = ["improve-human/naive", "improve-human/combined", "improve-human/sequential"]
[prices]
date = 2026-06-01
[prices.models.gpt-4o]
input = 2.5
output = 10.0
batch_input = 1.25
batch_output = 5.0
[spending]
budget_usd = 20.0
"""


def make(root: Path) -> WorkspacePaths:
    """A collected batch, one under way, one that failed, one that expired, and a session of calls."""
    made_once.put(root, _make)
    return WorkspacePaths(root)


def _make(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    workspace = WorkspacePaths(root)
    workspace.config.write_text(CONFIG)
    dialogues = synthetic_dialogues(rows=16)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    planned = planner.plan(load_config(workspace.config), imported, templates.load, "cpu")
    nodes = {node.name: node for node in planned if node.stage == "generate"}
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        for node in nodes.values():
            jobs.put(
                connection,
                [node],
            )
        states: dict[str, JobState] = {
            "naive": "done",
            "cognitive": "running",
            "affective": "failed",
            "compassionate": "done",
            "sequential/cognitive": "done",
        }
        for name, state in states.items():
            node = nodes[f"improve-human/{name}"]
            job_attempts.begin_attempt(connection, node.id, 1, f"artifacts/jobs/{node.id}/1")
            jobs.set_progress(connection, node.id, 6, 12, None)
            if state != "running":
                error = f"the provider refused batch batch_3: {HOSTILE}" if state == "failed" else None
                jobs.set_state(connection, node.id, state, error=error)
        fill = _Filling(connection, {name: node.id for name, node in nodes.items()})
        fill.batch("naive", "batch_1", 7200, [("validating", None), ("in_progress", 0), ("completed", 12)])
        fill.answers("naive", 11, ("error", "500: The server had an error"), collected="completed")
        fill.batch(
            "cognitive", "batch_2", 1800, [("validating", None), ("in_progress", 2), ("in_progress", 6)]
        )
        fill.batch("affective", "batch_3", 900, [("validating", None), ("failed", None)])
        fill.end("affective", "failed", errors=(f"invalid_json_line: {HOSTILE}",))
        fill.batch("compassionate", "batch_4", 90_000, [("in_progress", 0), ("expired", 6)])
        fill.answers("compassionate", 6, ("expired", "batch_expired: not in time"), collected="expired")
        fill.live("sequential/cognitive", 600)


class _Filling:
    def __init__(self, connection: sqlite3.Connection, ids: dict[str, str]) -> None:
        self.connection = connection
        self.ids = ids

    def batch(
        self, name: str, batch: str, ago: float, states: Sequence[tuple[BatchState, int | None]]
    ) -> None:
        self._put(name, "batch", ago)
        for number, (state, completed) in enumerate(states, start=1):
            at = NOW - ago + number * min(ago, 7200) / (len(states) + 1)
            self._state(name, at, state, batch=batch, completed=completed)

    def live(self, name: str, ago: float) -> None:
        self._put(name, "live", ago)
        self._state(name, NOW - ago, "in_progress")
        self.answers(name, 10, ("refused", None), collected="completed")

    def answers(self, name: str, ok: int, bad: tuple[Outcome, str | None], *, collected: BatchState) -> None:
        for number in range(12):
            outcome, error = bad
            if number < ok:
                outcome, error = "ok", None
            text = HOSTILE if number == 1 else f"I hear you, answer {number}." if outcome == "ok" else ""
            answered = outcome in ("ok", "refused")
            submissions.put_answer(
                self.connection,
                NOW - 60,
                Answer(
                    token=f"token-{name}",
                    key=f"{number:032}",
                    number=1,
                    dialog_id=f"made:{number}",
                    outcome=outcome,
                    text=text,
                    error=error,
                    input_tokens=310 if answered else None,
                    cached_tokens=0 if answered else None,
                    output_tokens=42 if answered else None,
                    usd=0.0006 if answered else None,
                ),
            )
        self.end(name, collected)

    def end(self, name: str, state: BatchState, errors: tuple[str, ...] = ()) -> None:
        self._state(name, NOW - 60, state, errors=errors, collected=True)

    def _put(self, name: str, mode: Literal["batch", "live"], ago: float) -> None:
        job = self.ids[f"improve-human/{name}"]
        submissions.put(
            self.connection,
            job,
            NOW - ago,
            SubmissionRecord(
                token=f"token-{name}",
                mode=mode,
                provider="openai",
                base_url="https://api.openai.com/v1",
                key_digest="140bedbf9c3f",
                model="gpt-4o",
                requests={f"{number:032}": f"made:{number}" for number in range(12)},
                usd=0.0123,
                path=None if mode == "live" else f"artifacts/jobs/{job}/1/token-{name}.jsonl",
            ),
        )

    def _state(
        self,
        name: str,
        at: float,
        state: BatchState,
        *,
        batch: str | None = None,
        completed: int | None = None,
        errors: tuple[str, ...] = (),
        collected: bool = False,
    ) -> None:
        change = BatchRecord(
            token=f"token-{name}",
            state=state,
            id=batch,
            completed=completed,
            failed=None if completed is None else 0,
            total=12,
            errors=errors,
            collected=collected,
        )
        submissions.put_state(self.connection, at, change)
