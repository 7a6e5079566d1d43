"""A workspace after months of work, for the benchmarks that need one: a million journal records in its store.

    python -m benchmarks.store.big_store [--folder DIR] [--many-jobs]

The paper's grid (two students, 21 recipes, both stages, two judges) over 2,000 made dialogues: most of it is
done, some twenty jobs run, others failed, were cancelled, are ready or wait, and responses and verdicts of
earlier configurations lie beside it. 100,000 responses, 200,000 verdicts, and as many metrics, sample
answers, answers of teachers and judges, and states of their batches as make it a million. Made once, in half
a minute; a folder that is there stays as it is. `--many-jobs` makes one of 10,000 jobs (60 students) and
200,000 dialogues, each job of which asks about 20 of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.store.filled_store import RECORDS, TABLES, FilledStore, count
from core.api import WorkspacePaths
from core.config.load import load_config
from core.dialogues.importing import staging
from core.domain.data.dialogues import HUMAN
from core.pipeline.planning import workspace_graph
from core.pipeline.supervision import supervisor
from core.recipes import catalog
from core.store import (
    connections,
    schema,
)
from core.store.dialogues import dialogues as data
from tests.support.records.synthetic_dialogues import synthetic_dialogues

#: Of each schema its own, so that a store of an earlier one does not stand in for it.
FOLDER = Path(tempfile.gettempdir()) / f"empathy-big-store-{schema.VERSION}"

#: The same of a store with many jobs.
MANY_JOBS_FOLDER = Path(tempfile.gettempdir()) / f"empathy-many-jobs-{schema.VERSION}"


@dataclass(frozen=True)
class Size:
    """How large a made workspace is."""

    dialogues: int
    """Imported dialogues."""
    students: int
    """Students, each of which is trained by 21 recipes in two stages: some 168 jobs each."""
    asked: int | None
    """At most so many dialogues a job; None for all of its split."""
    records: int
    """Records of journals."""


BIG = Size(dialogues=2_000, students=2, asked=None, records=RECORDS)
MANY_JOBS = Size(dialogues=200_000, students=60, asked=20, records=2_000_000)

_MODELS = {"llama-8b": "meta-llama/Llama-3.1-8B", "mistral-7b": "mistralai/Mistral-7B-v0.3"}
_CONFIG = """
[teachers.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
[judges.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
max_output_tokens = 16
[judges.gemini]
provider = "google"
model = "gemini-2.0-flash"
mode = "batch"
max_output_tokens = 16
[prices]
date = 2026-06-01
[prices.models."gpt-4o-2024-08-06"]
input = 2.5
output = 10.0
batch_input = 1.25
batch_output = 5.0
[prices.models."gemini-2.0-flash"]
input = 0.1
output = 0.4
[spending]
budget_usd = 250.0
[slots]
gpu = {gpu}
cpu = 2
api = 1
batch = {batch}
[runs]
device = "cuda"
[responding]
max_new_tokens = {max_new_tokens}
[recipes]
train = {recipes}
[comparisons]
extra = [{extra}]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--many-jobs", action="store_true", help="make 10,000 jobs and 200,000 dialogues")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = (options.folder or (MANY_JOBS_FOLDER if options.many_jobs else FOLDER)).resolve()
    if folder.exists():
        print(f"{folder} is there already")
    began = time.perf_counter()
    workspace = made(folder, MANY_JOBS if options.many_jobs else BIG)
    print(f"{workspace.state.stat().st_size / 1e6:,.0f} MB, {time.perf_counter() - began:.0f} s")
    with closing(connections.reader(workspace.state)) as connection:
        counts = {table: count(connection, table) for table in TABLES}
        for table, rows in (*counts.items(), ("together", sum(counts.values()))):
            print(f"{table:<18} {rows:>10,}")
        states = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY 2 DESC")
        print("jobs: " + ", ".join(f"{jobs} {state}" for state, jobs in states))
    return 0


def made(folder: Path = FOLDER, size: Size = BIG) -> WorkspacePaths:
    """The workspace in `folder`, made unless it is there."""
    workspace = WorkspacePaths(folder)
    if not folder.exists():
        # Under another name until it is whole.
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
        _make(WorkspacePaths(part), size)
        part.rename(folder)
    # Brings the store of an older program up to date, which those who only watch it cannot.
    connections.writer(workspace.state).close()
    return workspace


@contextmanager
def supervised(workspace: WorkspacePaths) -> Iterator[None]:
    """Hold the supervisor's lock, so that nobody takes up what the store says is running."""
    lock = supervisor.acquire(workspace)
    if lock is None:
        raise SystemExit(f"a supervisor works on {workspace.root}")
    with lock:
        yield


def _students(count: int) -> dict[str, str]:
    """The names and models of so many students: the first two, and variants of theirs."""
    models = list(_MODELS.items())
    return {
        name if number < len(models) else f"{name}-v{number // len(models) + 1}": model
        for number, (name, model) in ((number, models[number % len(models)]) for number in range(count))
    }


def _make(workspace: WorkspacePaths, size: Size) -> None:
    dialogues = synthetic_dialogues(size.dialogues)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    names = catalog.names(imported.sources)
    students = _students(size.students)
    tables = "".join(f'[students.{name}]\nmodel = "{model}"\n' for name, model in students.items())
    runs = [f"{next(iter(students))}/{name}/sft-dpo" for name in names[:13]]
    pairs = [*((HUMAN, source) for source in imported.sources), *pairwise(runs)]
    extra = ", ".join(f'{{ a = "{a}", b = "{b}" }}' for a, b in pairs)
    plans = []
    for max_new_tokens in (96, 128, 160):
        text = _CONFIG.format(
            gpu=13, batch=9, max_new_tokens=max_new_tokens, recipes=json.dumps(names), extra=extra
        )
        workspace.config.write_text(tables + text)
        asked = load_config(workspace.config)
        plans.append(workspace_graph.plan(workspace, asked, imported, {}, {"gpt-4o": 400, "gemini": 400}))
    with closing(connections.writer(workspace.state)) as connection:
        with connections.transaction(connection):
            data.replace(connection, imported, dialogues)
            store = FilledStore(connection, workspace, dialogues, asked=size.asked, records=size.records)
            store.run(plans[-1], plans[-2::-1])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


if __name__ == "__main__":
    sys.exit(main())
