"""A run that gives its slot back is started again by the supervisor, and trains what it would have."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.services.creation.workspace_creation import create_workspace
from core.store import connections, intents
from core.store.dialogues import dialogues as data
from tests.support import waiting
from tests.support.processes import supervising
from tests.support.records.synthetic_dialogues import synthetic_dialogues

CONFIG = """
[students.tiny]
model = "{student}"
[recipes]
train = ["direct/chatgpt"]
sft_limit = 8
[runs]
stages = ["sft"]
device = "cpu"
[sft]
learning_rate = 5e-3
max_steps = 60
per_device_train_batch_size = 1
gradient_accumulation_steps = 2
sample_dialogues = 0
[judges.embedded]
provider = "embedded"
"""


def query(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{(root / 'state.db').as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def curve(root: Path) -> dict[int, float]:
    return {
        step: json.loads(text)["loss"] for step, text in query(root, "SELECT step, metrics_json FROM metrics")
    }


def train(root: Path, *, preempted: bool) -> list[tuple[int, str, str | None]]:
    """Do the run, preempted after some steps; its attempts: number, state, error."""
    with closing(connections.writer(root / "state.db")) as connection:
        intents.add(connection, intents.Start(targets=("recipe", "sft")))
    with supervising.supervised(root, loaded="models", OMP_NUM_THREADS="1") as supervisor:

        def until(done: Any, what: str) -> None:
            waiting.wait_until(
                done,
                what,
                processes=[supervisor],
                progress=waiting.file_sizes(root),
                show=(root / "artifacts/supervisor.log").read_text,
            )

        if preempted:
            until(lambda: len(curve(root)) > 3, "some steps")
            ((pid,),) = query(root, "SELECT pid FROM attempts WHERE state = 'running'")
            os.kill(pid, signal.SIGUSR1)
        until(lambda: query(root, "SELECT state FROM jobs WHERE stage = 'sft'") == [("done",)], "the run")
    columns = "number, iif(is_preempted, 'preempted', attempts.state), attempts.error"
    return query(root, f"SELECT {columns} FROM attempts JOIN jobs ON id = job WHERE stage = 'sft'")


def test_a_preempted_run_goes_on_by_itself(tiny: Path, tmp_path: Path) -> None:
    workspace = create_workspace(tmp_path / "calm")
    workspace.config.write_text(CONFIG.format(student=tiny))
    load_config(workspace.config)
    dialogues = synthetic_dialogues()
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
    other = WorkspacePaths(Path(shutil.copytree(workspace.root, tmp_path / "preempted")))
    assert train(workspace.root, preempted=False) == [(1, "done", None)]
    assert train(other.root, preempted=True) == [
        *((1, "preempted", "it gave its slot back"), (2, "done", None))
    ]
    wanted = curve(workspace.root)
    assert len(wanted) == 60
    assert curve(other.root) == pytest.approx(wanted, rel=1e-4)
    # The second attempt went on where the first one stopped.
    began = "SELECT count(*) FROM events WHERE text LIKE '%preempted%'"
    assert query(other.root, began) == [(1,)]
