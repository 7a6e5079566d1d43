"""Charts of 100,000 points a run: read, thinned and drawn, beside reading the same rows with sqlite3 alone.

    python -m benchmarks.charts [--folder DIR] [--points N]

Six runs with made-up curves, among them one that goes on, one that failed and two by DPO. Each line is the
median of some rounds, in milliseconds and as a multiple of plain reading of one run's rows. With a folder
that an earlier call has filled, nothing is made; it can be opened to look at the curves.
"""

from __future__ import annotations

import argparse
import math
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from core.api import Workspace, WorkspacePaths, create_workspace, open_workspace
from core.config.load import load_config
from core.dialogues.importing import staging
from core.domain.states import JobState
from core.jobs.planned_job import PlannedJob
from core.jobs.records import Metric
from core.pipeline.planning import workspace_graph
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tui.screens.training.charts import curve_view
from tui.screens.training.charts.chart_colours import ChartColours
from tui.screens.training.charts.curve_view import (
    ChartRequest,
    Drawing,
    View,
)
from tui.screens.training.charts.run_marks import DrawnRun

ROWS = 100
ROUNDS = 7
#: A terminal's cells for charts: one large chart, and the grid of a large window.
LARGE, GRID = (150, 40), (116, 56)
CONFIG = """
[students.smollm2]
model = "embedded/smollm2-135m-instruct"
[students.llama-8b]
model = "meta-llama/Llama-3.1-8B"
[recipes]
train = ["direct/chatgpt", "direct/all_together", "direct/gemini"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the workspace here")
    parser.add_argument("--points", type=int, default=100_000, help="points of each run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = WorkspacePaths((options.folder or Path(temporary)).resolve())
        if not workspace.state.exists():
            fill(workspace, options.points)
        look(workspace)
    return 0


def fill(workspace: WorkspacePaths, points: int) -> None:
    """Make the workspace: six runs with curves, and others that wait."""
    create_workspace(workspace.root)
    dialogues = synthetic_dialogues(ROWS)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    workspace.config.write_text(CONFIG)
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    runs = [node for node in nodes if node.stage in ("sft", "sft-dpo")]
    chosen: list[tuple[PlannedJob, float, JobState]] = [
        (named(runs, "smollm2/direct/chatgpt/sft"), 1.0, "done"),
        (named(runs, "smollm2/direct/all_together/sft"), 1.0, "done"),
        (named(runs, "smollm2/direct/chatgpt/sft-dpo"), 1.0, "done"),
        (named(runs, "smollm2/direct/all_together/sft-dpo"), 0.7, "running"),
        (named(runs, "llama-8b/direct/chatgpt/sft"), 1.0, "done"),
        (named(runs, "llama-8b/direct/gemini/sft"), 0.4, "failed"),
    ]
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        jobs.put(connection, [node for node in nodes if "gemini/sft-dpo" not in node.name])
        for number, (node, part, ending) in enumerate(chosen):
            train(connection, workspace, node, number, points, int(points * part), ending)
    print(f"made {len(chosen)} runs of up to {points:,} points")


def named(nodes: list[PlannedJob], name: str) -> PlannedJob:
    return next(node for node in nodes if node.name == name)


def train(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    node: PlannedJob,
    seed: int,
    steps: int,
    reached: int,
    ending: JobState,
) -> None:
    """Write a run's metrics, answers and log as its training would have."""
    folder = workspace.attempt(node.id, 1)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text(
        "".join(f"INFO step {step} of {steps}\n" for step in range(reached)[-200:])
    )
    attempt = job_attempts.begin_attempt(
        connection, node.id, 1, folder.relative_to(workspace.root).as_posix()
    )
    chance, began = random.Random(seed), time.time() - reached * 1.1
    for step in range(1, reached + 1):
        logged = Metric(step, made_metrics(node.stage, step / steps, chance))
        job_records.put_metric(connection, node.id, began + step * 1.1, logged)
    for step in range(steps // 10, reached + 1, max(1, steps // 10)):
        for dialogue in ("hit:0", "hit:1"):
            text = "I am so sorry to hear that. " * (1 + step * 3 // steps) + "How are you now?"
            job_records.put_sample(connection, node.id, step, dialogue, text)
    jobs.set_progress(connection, node.id, reached, steps, (steps - reached) * 1.1)
    if ending == "running":
        return
    error = None
    if ending == "failed":
        error = f"the loss at step {reached + 1} is not a number: lower the learning rate, or use float32"
    job_attempts.end_attempt(connection, attempt, ending, error)
    result = made_results.of_stage(node.stage) if ending == "done" else None
    jobs.set_state(connection, node.id, ending, error=error, result=result)


def made_metrics(stage: str, part: float, chance: random.Random) -> dict[str, float]:
    """Metrics as TRL logs them when `part` of a training is over."""
    noise = chance.gauss
    found = {
        "loss": (0.69 if stage == "sft-dpo" else 2.6) * math.exp(-3 * part) + 0.3 + noise(0, 0.05),
        "grad_norm": abs(1.2 + noise(0, 0.3)) * (12 if chance.random() < 0.0002 else 1),
        "learning_rate": 5e-5 * (1 + math.cos(math.pi * part)) / 2,
        "entropy": 1.8 - 0.5 * part + noise(0, 0.05),
        "num_tokens": 4.1e8 * part,
        "mean_token_accuracy": 0.55 + 0.2 * (1 - math.exp(-4 * part)) + noise(0, 0.01),
        "epoch": 3 * part,
        "tokens_per_second": 4100 + noise(0, 120),
    }
    if stage == "sft-dpo":
        margin = 2.2 * (1 - math.exp(-3 * part)) + noise(0, 0.25)
        found |= {
            "rewards/chosen": margin * 0.3,
            "rewards/rejected": -margin * 0.7,
            "rewards/accuracies": min(1.0, max(0.0, 0.5 + 0.4 * part + noise(0, 0.08))),
            "rewards/margins": margin,
            "logps/chosen": -60 - 8 * part + noise(0, 2),
            "logps/rejected": -70 - 20 * part + noise(0, 2),
        }
    return found


def look(workspace: WorkspacePaths) -> None:
    """What the runs with curves take, from the file to the finished lines."""
    # Once, and not in any time: a screen that opens loads them in its background.
    import pandas  # noqa: F401

    from tui.screens.training import charts  # noqa: F401

    with closing(connections.reader(workspace.state)) as connection:
        found = connection.execute(
            "SELECT job, count(*) FROM metrics GROUP BY job ORDER BY 2 DESC"
        ).fetchall()
        runs, points = [row[0] for row in found], found[0][1]
        plain = median(
            lambda: connection.execute(
                "SELECT step, at, metrics_json FROM metrics WHERE job = ? ORDER BY step", (runs[0],)
            ).fetchall()
        )
    print(f"{len(runs)} runs, the longest of {points:,} points")

    def report(name: str, seconds: float) -> None:
        print(f"{name:<58} {seconds * 1000:8.1f} ms   {seconds / plain:6.2f} ×")

    report("sqlite3 alone: one run's rows", plain)
    colours = ChartColours("#3a4552", "#2b343f", "#8b96a3")

    def request(count: int, size: tuple[int, int], view: View, *, is_grid: bool = False) -> ChartRequest:
        shown = [DrawnRun(job, str(number), "#56b4e9") for number, job in enumerate(runs[:count], start=1)]
        return ChartRequest(tuple(shown), "loss", is_grid, view, *size, colours)

    one, all_ = request(1, LARGE, View()), request(6, LARGE, View())
    report(
        "one run: read, thinned, drawn, the first time", median(lambda: drawn(open_workspace(workspace), one))
    )
    report("six runs: the same", median(lambda: drawn(open_workspace(workspace), all_), rounds=3))
    with open_workspace(workspace) as opened:
        drawn(opened, all_)
        again = {
            "one run drawn again, its points known": one,
            "six runs drawn again": all_,
            "six runs, smoothed": request(6, LARGE, View(smoothing=0.9)),
            "one run, a thousandth of its steps": request(1, LARGE, View(span=points / 1000)),
            "one run, a grid of its metrics": request(1, GRID, View(), is_grid=True),
            "six runs, a grid of their metrics": request(6, GRID, View(), is_grid=True),
        }
        for name, asked in again.items():
            report(name, median(partial(drawn, opened, asked)))
        before = drawn(opened, all_)
        report("six runs of which nothing is new", median(lambda: curve_view.draw(opened, all_, before)))


def drawn(workspace: Workspace, request: ChartRequest) -> Drawing:
    """The whole drawing, requested until every point is read, as the screen does."""
    drawing = curve_view.draw(workspace, request, None)
    while drawing is not None and not drawing.is_complete:
        drawing = curve_view.draw(workspace, request, drawing)
    assert drawing is not None
    return drawing


def median(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
