"""How long `run --dry-run` takes for the paper's grid with several seeds: 84 models each.

    python -m benchmarks.scaling.grid_dry_run [--seeds N] [--runs N]

The workspace is that of `init --template paper` with `[grid] seeds`, made-up data of the paper's size, and
students of the published sizes without weights. Times are the processor's, of a whole process, its start
included; the fastest of some runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from benchmarks.scaling.estimates import STUDENTS
from core.api import WorkspacePaths
from core.config import edit
from core.dialogues.importing import staging
from core.services.creation.workspace_creation import create_workspace
from core.store import connections
from core.store.dialogues import dialogues as stored_dialogues
from tests.support.records.synthetic_dialogues import synthetic_dialogues

#: As in the paper's data.
_DIALOGUES = 2_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = _made(Path(folder), options.seeds)
        found, seconds = min(
            (_dry_run(workspace) for _ in range(options.runs)), key=lambda measured: measured[1]
        )
        jobs = sum(stage["jobs"] for stage in found["stages"])
        known = sum(run["seconds"] is not None for run in found["runs"])
        print(f"{jobs:,} jobs, {len(found['runs']):,} runs, {known:,} of them with an estimate of their time")
        print(f"run --dry-run {seconds:.2f} s")
    return 0


def _made(folder: Path, seeds: int) -> WorkspacePaths:
    workspace = create_workspace(folder / "study", "paper")
    changes: dict[str, object | None] = {"grid.seeds": [*range(1, seeds + 1)], "runs.device": "cpu"}
    for name, shape in STUDENTS.items():
        model = folder / name
        model.mkdir()
        (model / "config.json").write_text(json.dumps(shape), encoding="utf-8")
        changes[f"students.{name}.model"] = str(model)
    text = workspace.config.read_text(encoding="utf-8")
    workspace.config.write_text(edit.changed(text, changes), encoding="utf-8")
    dialogues = synthetic_dialogues(rows=_DIALOGUES)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        stored_dialogues.replace(connection, imported, dialogues)
    return workspace


def _dry_run(workspace: WorkspacePaths) -> tuple[dict[str, Any], float]:
    """What it prints as JSON, and its time on the processor."""
    before = psutil.Process().cpu_times()
    program = "import sys; from tui.cli.main import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        program,
        "--workspace",
        str(workspace.root),
        "run",
        "--dry-run",
        "--json",
    ]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    after = psutil.Process().cpu_times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    found: dict[str, Any] = json.loads(ended.stdout)
    return found, seconds


if __name__ == "__main__":
    raise SystemExit(main())
