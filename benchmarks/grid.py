"""The paper's whole grid under two judges: planned, priced, judged in batches, and shown from the store.

    python -m benchmarks.grid [--folder DIR]

84 runs (21 recipes, two stages, two students) with 250 responses each meet their base students; two judges
on a loopback server are asked about every pair in both orders, 84,000 verdicts in all, by the real supervisor
and its workers. The runs' responses are made up; nothing is trained. Takes some minutes. With a folder that
an earlier call has filled, only what is read from the store is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

from core.api import Workspace, WorkspacePaths, create_workspace, open_workspace
from core.config.load import load_config
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from core.jobs import files
from core.jobs.planned_job import PlannedJob
from core.jobs.records import Artifact
from core.pipeline.planning import workspace_graph
from core.recipes import catalog
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests import loopback
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues

ROWS = 1000
JUDGE = """
[judges.{name}]
provider = "openai"
base_url = "{url}"
model = "{model}"
mode = "batch"
max_output_tokens = 16
poll_min_s = 0.2
poll_max_s = 1.0
"""
CONFIG = """
[students.llama-8b]
model = "meta-llama/Llama-3.1-8B"
[students.mistral-7b]
model = "mistralai/Mistral-7B-v0.3"
[teachers.gpt-4o]
provider = "openai"
model = "gpt-4o"
[prices]
date = 2026-06-01
[prices.models.gpt-4o]
input = 2.5
output = 10.0
[prices.models.gemini-2_0-flash]
input = 0.1
output = 0.4
[slots]
gpu = 1
cpu = 2
api = 1
batch = 8
[recipes]
train = {recipes}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the workspace here")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary, loopback.running() as api:
        workspace = WorkspacePaths((folder or Path(temporary)).resolve())
        if not workspace.state.exists():
            api.faults.content = judge
            fill(workspace, api.url)
            plan_and_price(workspace)
            judged(workspace)
        show(workspace)
    return 0


def judge(text: str) -> str:
    return "say:1" if hashlib.sha256(text.encode()).digest()[0] < 150 else "say:2"


def fill(workspace: WorkspacePaths, url: str) -> None:
    """Make the workspace as it is when all runs have answered the test split."""
    create_workspace(workspace.root)
    dialogues = synthetic_dialogues(ROWS)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    judges = "".join(JUDGE.format(name=name, url=url, model=name) for name in ("gpt-4o", "gemini-2_0-flash"))
    recipes = json.dumps(catalog.names(imported.sources))
    workspace.config.write_text(CONFIG.format(recipes=recipes) + judges)
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    test = [dialogue for dialogue in dialogues if dialogue.split == "test"]
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        done = [node for node in nodes if node.stage != "compare"]
        jobs.put(connection, done)
        for node in done:
            attempt = job_attempts.begin_attempt(connection, node.id, 1, f"artifacts/jobs/{node.id}/1")
            if node.stage == "respond":
                path = respond(workspace, node, test)
                made = Artifact("responses", path.name, files.sha256(path), files.size(path))
                job_records.put_artifact(connection, attempt, made)
            job_attempts.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, node.id, "done", result=made_results.of_stage(node.stage))
    runs = sum(node.stage in ("sft", "sft-dpo") for node in nodes)
    print(f"{runs} runs, {len(test)} test dialogues, {len(nodes) - len(done)} comparisons")


def respond(workspace: WorkspacePaths, node: PlannedJob, test: list[Dialogue]) -> Path:
    path = workspace.artifacts / "jobs" / node.id / "1" / "responses.jsonl"
    path.parent.mkdir(parents=True)
    lines = (
        {
            "dialog_id": d.dialog_id,
            "text": f"{node.name} hears you. " + "I do. " * (len(d.situation + node.name) % 20),
        }
        for d in test
    )
    path.write_text("".join(json.dumps(line | {"finish": "stop"}) + "\n" for line in lines))
    return path


def plan_and_price(workspace: WorkspacePaths) -> None:
    with open_workspace(workspace) as opened:
        began = time.perf_counter()
        found = opened.spending.estimates(["compare"])
        took = time.perf_counter() - began
    requests = sum(one.requests for one in found if one.asker.kind == "judge")
    usd = sum(one.usd or 0.0 for one in found)
    print(f"planned and priced: {requests:,} verdicts, {usd:,.2f} USD, in {took:.2f} s")


def judged(workspace: WorkspacePaths) -> None:
    os.environ["OPENAI_API_KEY"] = loopback.KEY
    began = time.perf_counter()
    commands = open_workspace(workspace).commands
    commands.wait(commands.start(["compare"]))
    code = [sys.executable, "-m", "tui", "--workspace", str(workspace.root), "run", "compare", "--wait"]
    with (workspace.root / "wait.txt").open("wb") as out:
        ended = subprocess.run(code, stdout=out, stderr=out, check=False).returncode
    took = time.perf_counter() - began
    print(f"judged in batches, by the supervisor and its workers: exit {ended}, {took:.0f} s")


def show(workspace: WorkspacePaths) -> None:
    """What is read from the store, each the first time in a reader of its own, with imported libraries."""
    for library in ("choix", "scipy.sparse.csgraph", "scipy.stats", "statsmodels.api"):
        import_module(library)
    with open_workspace(workspace) as opened, closing(connections.reader(workspace.state)) as connection:
        opened.pipeline.snapshot()
        began = time.perf_counter()
        rows = connection.execute("SELECT job, dialog_id, ordering, winner, raw FROM verdicts").fetchall()
        plain = time.perf_counter() - began
        print(f"reading {len(rows):,} verdicts with sqlite3 alone: {plain:.2f} s")
    shown: dict[str, Callable[[Workspace], object]] = {
        "win rates": lambda opened: opened.evaluation.win_rates(),
        "ranking": lambda opened: opened.evaluation.rankings(),
        "scorecards": lambda opened: opened.evaluation.scorecards(),
        "agreements": lambda opened: opened.evaluation.agreements(),
        "paired tests": lambda opened: opened.evaluation.paired_tests(),
    }
    for name, look in shown.items():
        with open_workspace(workspace) as opened:
            began = time.perf_counter()
            look(opened)
            took = time.perf_counter() - began
        print(f"{name}: {took:.2f} s, {took / plain:.1f} times that")


if __name__ == "__main__":
    sys.exit(main())
