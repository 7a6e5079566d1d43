"""A small grid on a Ray cluster of three nodes, of which one dies, beside the same grid on local workers.

    python -m benchmarks.scaling.grid_on_ray [--keep DIR]

12 runs of a tiny student (two recipes, SFT and SFT-DPO, three seeds) are trained, answer and are judged by
the embedded judge, by `empathy-tui run --wait` each time, with its own supervisor. The nodes are processes on
this machine, with one CPU each. While a run trains on one of the two nodes that are not the head, that node
is killed. Needs the extra `ray`; takes some minutes. Exits with 1 if any row of the two stores differs.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.storm.study import Rows, rows
from core.api import WorkspacePaths
from core.pipeline.engines import remote
from tests.support import tiny_student
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.servers.ray_nodes import RayNodes

ROOT = Path(__file__).resolve().parents[2]
DIALOGUES = 48
CONFIG = """
[students.tiny]
model = "{student}"
[recipes]
train = ["direct/chatgpt", "direct/llama"]
[grid]
seeds = [42, 43, 44]
[runs]
device = "cpu"
[slots]
cpu = 3
[sft]
num_train_epochs = 10
save_steps = 5
logging_steps = 1
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 1
sample_steps = 20
[dpo]
num_train_epochs = 5
save_steps = 5
logging_steps = 1
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
sample_dialogues = 0
[responding]
max_new_tokens = 16
[judges.embedded]
provider = "embedded"
"""
ENGINE = """
[engines.cluster]
type = "ray"
address = "{address}"
env = {{ PYTHONPATH = "{root}", HF_HUB_OFFLINE = "1" }}
"""
#: Steps from the begin and the end of a run between which it is in the middle.
_MIDDLE = 10


@dataclass(frozen=True)
class Finished:
    """A grid that has ended."""

    engine: str
    nodes: str
    seconds: float
    jobs: Counter[str]
    """By state."""
    attempts: Counter[str]
    """By state."""
    resumed: str
    rows: Rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="new folder for the workspaces, which are kept")
    given = parser.parse_args()
    # Also for the supervisors, as on a node with one CPU.
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory() as temporary:
        place = (given.keep or Path(temporary)).resolve()
        place.mkdir(exist_ok=True)
        student = tiny_student.make(place / "student")
        local = grid(made(place / "local", student), "local", "1 machine", lambda: True)
        nodes = RayNodes(head_cpus=1)
        try:
            nodes.add(num_cpus=1)
            nodes.add(num_cpus=1)
            workspace = made(place / "ray", student, ENGINE.format(address=nodes.address, root=ROOT))
            on_ray = grid(workspace, "cluster", "3, then 2", lambda: kill_a_node(workspace, nodes))
        finally:
            nodes.close()
    return show(local, on_ray)


def made(root: Path, student: Path, engine: str = "") -> WorkspacePaths:
    """A workspace with its data."""
    root.mkdir()
    workspace = WorkspacePaths(root)
    workspace.config.write_text(CONFIG.format(student=student) + engine)
    synthetic_csv(root / "made.csv", rows=DIALOGUES)
    subprocess.run(
        program(workspace, "import", "made.csv", "--yes"), cwd=root, check=True, capture_output=True
    )
    return workspace


def program(workspace: WorkspacePaths, *words: str) -> list[str]:
    return [sys.executable, "-m", "tui", "--workspace", str(workspace.root), *words]


def grid(workspace: WorkspacePaths, engine: str, nodes: str, disturb: Callable[[], bool]) -> Finished:
    """Run everything there is; `disturb` is called until it has done so."""
    began = time.monotonic()
    is_disturbed = False
    with (workspace.root / "run.txt").open("wb") as out:
        command = program(workspace, "run", "--engine", engine, "--wait")
        running = subprocess.Popen(command, stdout=out, stderr=out, cwd=workspace.root)
        while running.poll() is None:
            is_disturbed = is_disturbed or disturb()
            time.sleep(0.1)
    seconds = time.monotonic() - began
    if not is_disturbed:
        print(f"{engine}: no node was killed: all runs were over before", flush=True)
    jobs = Counter(state for (state,) in query(workspace, "SELECT state FROM jobs"))
    state = "iif(is_preempted, 'preempted', state)"
    attempts = Counter(state for (state,) in query(workspace, f"SELECT {state} FROM attempts"))
    print(f"{engine}: exit {running.returncode} after {seconds:.0f} s, {dict(jobs)}", flush=True)
    resumed = query(
        workspace,
        "SELECT j.stage || ' ' || j.name || ' after ' || a.reached || ' of ' || j.total || ' steps: '"
        " || a.error FROM attempts a JOIN jobs j ON j.id = a.job WHERE is_preempted",
    )
    return Finished(
        engine, nodes, seconds, jobs, attempts, "\n".join(text for (text,) in resumed), rows(workspace.state)
    )


def kill_a_node(workspace: WorkspacePaths, nodes: RayNodes) -> bool:
    """Kill a node on which a run is in the middle of its training; False if none is now."""
    found = query(
        workspace,
        "SELECT a.folder FROM attempts a JOIN jobs j ON j.id = a.job AND j.attempt = a.number"
        " WHERE a.state = 'running' AND j.stage = 'sft' AND a.queue IS NULL"
        f" AND j.done BETWEEN {_MIDDLE} AND j.total - {_MIDDLE}",
    )
    for (folder,) in found:
        task = (workspace.root / folder / remote.ID).read_text(encoding="utf-8").strip()
        if nodes.kill_node_of(task):
            return True
    return False


def query(workspace: WorkspacePaths, sql: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(f"{workspace.state.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def show(local: Finished, on_ray: Finished) -> int:
    """Print what became of both; the exit code."""
    print("\n| engine | nodes | jobs done | attempts | places lost | wall time |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for one in (local, on_ray):
        done = f"{one.jobs['done']} of {one.jobs.total()}"
        lost = one.attempts["preempted"]
        print(
            f"| {one.engine} | {one.nodes} | {done} | {one.attempts.total()} | {lost} | {one.seconds:.0f} s |"
        )
    print(f"\nplaces lost: {on_ray.resumed or 'none'}\n")
    print("| rows | local | cluster | the same |\n| --- | ---: | ---: | --- |")
    is_same = True
    for table, wanted in local.rows.items():
        found = on_ray.rows[table]
        is_same = is_same and found == wanted
        if wanted or found:
            print(f"| {table} | {len(wanted):,} | {len(found):,} | {'yes' if found == wanted else 'NO'} |")
    is_done = all(set(one.jobs) == {"done"} for one in (local, on_ray))
    return 0 if is_same and is_done and on_ray.attempts["preempted"] else 1


if __name__ == "__main__":
    sys.exit(main())
