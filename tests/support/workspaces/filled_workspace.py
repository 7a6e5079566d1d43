"""A workspace whose store holds everything that screens show: jobs in all states, metrics, hostile text."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.jobs.results import Result
from core.domain.states import Stage
from core.jobs.planned_job import PlannedJob
from core.jobs.records import Metric, VerdictRecord
from core.pipeline.planning import planner
from core.prompts import templates
from core.services.creation.workspace_creation import create_workspace
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.records import made_results
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces import made_once

#: The moment that the filled store ends at, in Unix seconds; screens in tests show times against it.
NOW = 1_780_000_000.0

#: Clears the screen, sets the title, turns the direction, opens markup, and breaks lines.
HOSTILE = (
    "calm \x1b[2J\x1b]0;owned\x07 [bold red]not markup[/] [@click=app.quit]x[/] "
    "\u202eesrever\u202c \x9b31m\r\n\ttab"
)

CONFIG = """
[students.smollm2]
model = "embedded/smollm2-135m-instruct"
[recipes]
train = ["direct/chatgpt", "direct/all_together"]
[runs]
device = "cpu"
[judges.embedded]
provider = "embedded"
[comparisons]
extra = [{ a = "human", b = "chatgpt" }]
"""

ORDERS: tuple[Order, ...] = ("ab", "ba")

LABEL = "embedded judge, agrees with held-out human ratings on 57 % of pairs (n=212)"


def fill(root: Path) -> WorkspacePaths:
    """A workspace in `root` with data, and jobs in every state."""
    made_once.put(root, _fill)
    return WorkspacePaths(root)


def _fill(root: Path) -> None:
    workspace = create_workspace(root)
    workspace.config.write_text(CONFIG)
    dialogues = synthetic_dialogues(rows=48)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    nodes = planner.plan(load_config(workspace.config), imported, templates.load, "cpu")
    clock = _Clock()
    with (
        closing(connections.writer(workspace.state)) as connection,
        patch.object(time, "time", clock),
        connections.transaction(connection),
    ):
        data.replace(connection, imported, dialogues)
        asked = [node for node in nodes if "all_together" not in node.name]
        jobs.put(connection, asked)
        _Filler(connection, workspace, clock, nodes, dialogues).run()


def job_id(workspace: WorkspacePaths, stage: str, name: str) -> str:
    """The id of one of the filled store's jobs."""
    with closing(connections.reader(workspace.state)) as connection:
        row = connection.execute("SELECT id FROM jobs WHERE stage = ? AND name = ?", (stage, name)).fetchone()
    return str(row["id"])


class _Clock:
    """Stands still until moved; ends at NOW."""

    def __init__(self) -> None:
        self.at = NOW - 7200

    def __call__(self) -> float:
        return self.at


class _Filler:
    def __init__(
        self,
        connection: sqlite3.Connection,
        workspace: WorkspacePaths,
        clock: _Clock,
        nodes: tuple[PlannedJob, ...],
        dialogues: list[Dialogue],
    ) -> None:
        self.connection = connection
        self.workspace = workspace
        self.clock = clock
        self.nodes = {(node.stage, node.name): node for node in nodes}
        self.test = [dialogue for dialogue in dialogues if dialogue.split == "test"]

    def run(self) -> None:
        run, recipe = "smollm2/direct/chatgpt", "direct/chatgpt"
        self.done("recipe", recipe, 4, made_results.recipe())
        self.done("judge", "embedded", 40, made_results.judge(agreement=0.571, label=LABEL))
        sft = self.done("sft", f"{run}/sft", 1260, made_results.sft(train_loss=1.9127), total=60)
        self.curve(sft, 60, dpo=False)
        self.answers(self.done("respond", "smollm2", 340, made_results.responded(cut=3), total=12), "base")
        self.answers(self.done("respond", f"{run}/sft", 410, made_results.responded(), total=12), "sft")
        self.compare(f"smollm2 vs {run}/sft @ embedded", wins_b=8, ties=1)
        self.compare("human vs chatgpt @ embedded", wins_b=7, ties=0)
        self.running("sft-dpo", f"{run}/sft-dpo", done=31, total=50)
        self.failed("recipe", "direct/all_together")
        self.clock.at = NOW

    def done(self, stage: Stage, name: str, seconds: float, result: Result, total: int = 1) -> str:
        job = self._id(stage, name)
        attempt = self._begin(job)
        jobs.set_progress(self.connection, job, total, total, None)
        self.clock.at += seconds
        job_attempts.end_attempt(self.connection, attempt, "done")
        jobs.set_state(self.connection, job, "done", result=result)
        return job

    def running(self, stage: Stage, name: str, done: int, total: int) -> None:
        job = self._id(stage, name)
        lost = self._begin(job)
        job_attempts.end_attempt(self.connection, lost, "lost", "by SIGKILL (out of memory?)")
        jobs.set_state(self.connection, job, "ready", event="attempt 1 lost")
        self.clock.at = NOW - 1805
        self._begin(job, number=2)
        jobs.set_progress(self.connection, job, done, total, 1107.0)
        self.curve(job, done, dpo=True)

    def failed(self, stage: Stage, name: str) -> None:
        """Also cancels a job that nobody else shows, and leaves the rest waiting."""
        jobs.put(self.connection, [self.nodes[stage, name]])
        job = self._id(stage, name)
        attempt = self._begin(job)
        self.clock.at += 3
        error = f"the prompt template is broken: {HOSTILE}"
        job_attempts.end_attempt(self.connection, attempt, "failed", error)
        jobs.set_state(self.connection, job, "failed", error=error)
        sft = self.nodes["sft", "smollm2/direct/all_together/sft"]
        jobs.put(self.connection, [sft])
        jobs.set_state(self.connection, sft.id, "cancelled")

    def curve(self, job: str, steps: int, *, dpo: bool) -> None:
        for step in range(1, steps + 1):
            metrics = {
                "loss": (0.69 if dpo else 2.9) * math.exp(-step / 40) + 0.03 * math.sin(step),
                "learning_rate": 5e-5 * (1 - step / (steps + 1)),
                "grad_norm": 1.0 + 0.2 * math.cos(step),
                "tokens_per_second": 84.0 + step % 5,
            }
            if dpo:
                metrics |= {"rewards/margins": 0.01 * step, "rewards/accuracies": min(1.0, 0.5 + step / 80)}
            at = self.clock.at - (steps - step) * 20
            job_records.put_metric(self.connection, job, at, Metric(step, metrics))
        for number, dialogue in enumerate(self.test[:2]):
            text = HOSTILE if number else "That sounds hard. I am here for you."
            job_records.put_sample(self.connection, job, steps, dialogue.dialog_id, text)

    def answers(self, job: str, voice: str) -> None:
        for number, dialogue in enumerate(self.test):
            text = f"({voice}) I hear you, {dialogue.emotion} as you feel. " * (1 + number % 3)
            if number == 1:
                text = HOSTILE
            job_records.put_response(self.connection, job, dialogue.dialog_id, text, "stop")

    def compare(self, name: str, wins_b: int, ties: int) -> None:
        n = len(self.test)
        job = self.done(
            "compare",
            name,
            25,
            made_results.compared(
                n=n,
                wins_a=n - wins_b - ties,
                wins_b=wins_b,
                ties=ties,
                win_rate_b=(wins_b + ties / 2) / n,
                ci_low=0.42,
                ci_high=0.89,
                interval="wilson 95 %",
                label=LABEL,
            ),
            total=n,
        )
        for number, dialogue in enumerate(self.test):
            winner: Winner = "b" if number < wins_b else "tie" if number < wins_b + ties else "a"
            for order in ORDERS:
                raw = HOSTILE if number == 0 else f"{winner} by 0.4"
                verdict = VerdictRecord(dialogue.dialog_id, order, winner, raw)
                job_records.put_verdict(self.connection, job, verdict)

    def _begin(self, job: str, number: int = 1) -> job_attempts.Attempt:
        folder = self.workspace.attempt(job, number)
        folder.mkdir(parents=True)
        log = f"INFO attempt {number} of a made job\nWARNING {HOSTILE}\nINFO step 1 of 60\n"
        (folder / "log.txt").write_bytes(log.encode())
        relative = folder.relative_to(self.workspace.root).as_posix()
        return job_attempts.begin_attempt(self.connection, job, number, relative)

    def _id(self, stage: Stage, name: str) -> str:
        return self.nodes[stage, name].id
