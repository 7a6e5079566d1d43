"""A workspace to draw: a part of the bundled sample, and made-up work on it at a fixed moment.

Two students learn from three recipes; some runs are finished and judged, one trains, one has failed, a batch
is on its way. No number in it was measured.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.api import SAMPLE, GpuUse, Machine, WorkspacePaths
from core.config.load import load_config
from core.dialogues.importing import staging
from core.dialogues.importing.table import read_table
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import Order, Winner
from core.domain.jobs.results import (
    DpoResult,
    GenerateResult,
    JudgeResult,
    RecipeResult,
    RespondResult,
    Result,
    SftResult,
    ValidateResult,
)
from core.domain.names import ComparisonName
from core.domain.states import Stage
from core.domain.submissions import BatchState
from core.jobs.planned_job import PlannedJob
from core.jobs.records import Answer, BatchRecord, Metric, SubmissionRecord, VerdictRecord
from core.judging import protocol
from core.judging.metrics import comparison_metrics
from core.pipeline.planning import planner
from core.prompts import templates
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs, submissions

#: The moment that is drawn, in Unix seconds.
NOW = 1_780_000_000.0

MACHINE = Machine(
    host="gpu-box",
    cpu=0.31,
    cores=32,
    memory_used=71_000_000_000,
    memory_total=256_000_000_000,
    gpus=(
        GpuUse(0, "A100-SXM4-80GB", 0.97, 61_400_000_000, 80_000_000_000, 64.0, 318.0, 400.0),
        GpuUse(1, "A100-SXM4-80GB", 0.0, 450_000_000, 80_000_000_000, 33.0, 58.0, 400.0),
    ),
)

CONFIG = """
[students.llama-8b]
model = "meta-llama/Llama-3.1-8B"
[students.mistral-7b]
model = "mistralai/Mistral-7B-v0.3"
[teachers.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
[recipes]
train = ["direct/chatgpt", "improve-human/naive", "improve-human/all_dimensions"]
[runs]
device = "cuda"
[judges.gpt-4o]
provider = "openai"
model = "gpt-4o-2024-08-06"
mode = "batch"
[judges.embedded]
provider = "embedded"
[comparisons]
baseline = true
extra = [{ a = "human", b = "chatgpt" }]
[prices]
date = 2026-06-01
[prices.models."gpt-4o-2024-08-06"]
input = 2.50
output = 10.00
batch_input = 1.25
batch_output = 5.00
[spending]
budget_usd = 20.0
"""

#: Responder → whose texts of the sample stand for its own, and the log-odds that it adds.
VOICES = {
    "llama-8b": ("llama", 0.0),
    "mistral-7b": ("mixtral", 0.0),
    "llama-8b/direct/chatgpt/sft": ("human", 0.4),
    "llama-8b/direct/chatgpt/sft-dpo": ("chatgpt", 0.9),
    "llama-8b/improve-human/naive/sft": ("gemini", 0.7),
    "llama-8b/improve-human/naive/sft-dpo": ("chatgpt", 1.3),
    "mistral-7b/direct/chatgpt/sft": ("human", 0.3),
    "human": ("human", 0.2),
    "chatgpt": ("chatgpt", 0.8),
}
#: Dialogues of the sample that the scene has, the first ones.
DIALOGUES = 96
LABELS = {"embedded": "embedded judge, agrees with held-out human ratings on 58 % of pairs (n=118)"}


def make(root: Path) -> WorkspacePaths:
    """Make `root` the workspace."""
    root.mkdir(parents=True)
    workspace = WorkspacePaths(root)
    workspace.config.write_text(CONFIG)
    table = read_table(SAMPLE)
    read = replace(table, dialogues=table.dialogues[:DIALOGUES])
    imported = staging.describe_table(read, SAMPLE.name)
    staging.stage(workspace, read.dialogues, imported)
    nodes = planner.plan(load_config(workspace.config), imported, templates.load, "gpu", {"gpt-4o": 60})
    clock = _Clock(NOW - 21_000)
    with (
        closing(connections.writer(workspace.state)) as connection,
        patch.object(time, "time", clock),
        connections.transaction(connection),
    ):
        data.replace(connection, imported, read.dialogues)
        _Scene(connection, workspace, nodes, read.dialogues, clock).play()
    return workspace


@dataclass
class _Clock:
    at: float

    def __call__(self) -> float:
        return self.at


class _Scene:
    def __init__(
        self,
        connection: sqlite3.Connection,
        workspace: WorkspacePaths,
        nodes: tuple[PlannedJob, ...],
        dialogues: Sequence[Dialogue],
        clock: _Clock,
    ) -> None:
        self.connection = connection
        self.workspace = workspace
        self.nodes = {(node.stage, node.name): node for node in nodes}
        self.test = [dialogue for dialogue in dialogues if dialogue.split == "test"]
        self.clock = clock

    def play(self) -> None:
        jobs.put(self.connection, self.nodes.values())
        naive, aware = "improve-human/naive", "improve-human/all_dimensions"
        for recipe in ("direct/chatgpt", naive):
            if ("generate", recipe) in self.nodes:
                self.generated(recipe, "batch_68f2c1", "completed", 74)
            self.done("recipe", recipe, 3, _EXAMPLES)
        self.done("judge", "embedded", 44, _FITTED)
        self.done("validate", "gpt-4o", 95, _VALIDATED)
        for student in ("llama-8b", "mistral-7b"):
            self.answers(student)
        for run in [name for name in VOICES if "/" in name]:
            self.trained(run)
            self.answers(run)
        for stage, name in list(self.nodes):
            if stage == "compare":
                parsed = ComparisonName.parse(name)
                if {parsed.a, parsed.b} <= set(VOICES):
                    self.compared(name, parsed.a, parsed.b, parsed.judge)
        self.asked(aware, 74, 41)
        self.clock.at = NOW - 1500
        self.failed("sft", "mistral-7b/improve-human/naive/sft", _OUT_OF_MEMORY)
        self.training("sft-dpo", "mistral-7b/direct/chatgpt/sft-dpo", 148, 240)
        self.clock.at = NOW

    def done(self, stage: Stage, name: str, seconds: float, result: Result) -> str:
        job = self.nodes[stage, name].id
        attempt = self.begin(job)
        self.clock.at += seconds
        job_attempts.end_attempt(self.connection, attempt, "done")
        jobs.set_state(self.connection, job, "done", result=result)
        return job

    def begin(self, job: str, log: str = "") -> job_attempts.Attempt:
        folder = self.workspace.attempt(job, 1)
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text(log)
        return job_attempts.begin_attempt(
            self.connection, job, 1, folder.relative_to(self.workspace.root).as_posix()
        )

    def trained(self, run: str) -> None:
        if run.endswith("/sft"):
            steps = 360
            job = self.done("sft", run, 1500, SftResult(**_TRAINED, steps=steps))
        else:
            steps = 240
            job = self.done("sft-dpo", run, 2100, DpoResult(**_TRAINED, steps=steps))
        jobs.set_progress(self.connection, job, steps, steps, None)
        self.curve(job, steps, run)

    def training(self, stage: Stage, run: str, done: int, total: int) -> None:
        job = self.nodes[stage, run].id
        self.clock.at = NOW - 1290
        self.begin(job, _LOG)
        jobs.set_progress(self.connection, job, done, total, 802.0)
        self.curve(job, done, run)

    def failed(self, stage: Stage, run: str, error: str) -> None:
        job = self.nodes[stage, run].id
        attempt = self.begin(job, _LOG + f"ERROR {error}\n")
        self.clock.at += 60
        job_attempts.end_attempt(self.connection, attempt, "failed", error)
        jobs.set_state(self.connection, job, "failed", error=error)

    def curve(self, job: str, steps: int, run: str) -> None:
        prefers = run.endswith("sft-dpo")
        for step in range(1, steps + 1):
            noise = _chance(run, step) - 0.5
            loss = 0.32 + 0.37 * math.exp(-step / 70) if prefers else 1.1 + 1.6 * math.exp(-step / 60)
            values = {
                "loss": loss + 0.12 * noise,
                "learning_rate": 5e-5 * 0.5 * (1 + math.cos(math.pi * step / 400)),
                "grad_norm": 0.9 + 0.5 * _chance("norm", run, step) + 2 * math.exp(-step / 20),
                "tokens_per_second": 5200 + 300 * noise,
            }
            if prefers:
                values |= {
                    "rewards/margins": 1.6 * (1 - math.exp(-step / 80)) + 0.3 * noise,
                    "rewards/accuracies": min(1.0, 0.5 + 0.42 * (1 - math.exp(-step / 50)) + 0.1 * noise),
                }
            at = self.clock.at - (steps - step) * 8
            job_records.put_metric(self.connection, job, at, Metric(step, values))
        source = VOICES.get(run, ("gemini", 0.0))[0]
        for dialogue in self.test[:2]:
            for step, voice in ((50, "llama"), (100, "gemini"), (140, source)):
                text = dialogue.responses[voice].text
                job_records.put_sample(self.connection, job, step, dialogue.dialog_id, text)

    def answers(self, responder: str) -> None:
        job = self.done(
            "respond", responder, 190, RespondResult(responses=len(self.test), cut=0, device="cuda")
        )
        jobs.set_progress(self.connection, job, len(self.test), len(self.test), None)
        for name, text in self.texts(responder).items():
            job_records.put_response(self.connection, job, name, text, "stop")

    def texts(self, responder: str) -> dict[str, str]:
        return {d.dialog_id: d.responses[VOICES[responder][0]].text for d in self.test}

    def compared(self, name: str, a: str, b: str, judge: str) -> None:
        orders: tuple[Order, ...] = ("ab", "ba") if judge == "gpt-4o" else ("ab",)
        ordered_pairs = protocol.ordered_pairs(self.test, self.texts(a), self.texts(b), orders)
        verdicts = []
        for ordered_pair in ordered_pairs:
            odds = VOICES[b][1] - VOICES[a][1] + (0.3 if ordered_pair.order == "ba" else -0.3)
            drawn = _chance(name, ordered_pair.dialog_id)
            winner: Winner = "b" if drawn < 1 / (1 + math.exp(-odds)) else "a"
            raw = str(ordered_pair.order.index(winner) + 1) if judge == "gpt-4o" else f"{winner} by 0.3"
            verdicts.append(VerdictRecord(ordered_pair.dialog_id, ordered_pair.order, winner, raw))
        result = comparison_metrics.of_comparison(
            ordered_pairs,
            verdicts,
            placed=judge == "gpt-4o",
            design="both orders" if judge == "gpt-4o" else "each response by itself",
            label=LABELS.get(judge),
        )
        job = self.done("compare", name, 120, result)
        for verdict in verdicts:
            job_records.put_verdict(self.connection, job, verdict)

    def generated(self, recipe: str, batch: str, state: BatchState, answered: int) -> None:
        job = self.done(
            "generate",
            recipe,
            5400,
            GenerateResult(answers=answered, left_out=0, left_out_as={}, reused=0),
        )
        self.submission(job, f"token-{recipe}", answered)
        self.moment(f"token-{recipe}", state, batch, answered, answered, collected=True)
        for number in range(answered):
            submissions.put_answer(
                self.connection,
                self.clock.at,
                Answer(
                    token=f"token-{recipe}",
                    key=f"{number:032}",
                    number=1,
                    dialog_id=f"sample:{number + 1:03}",
                    outcome="ok",
                    text="",
                    input_tokens=512,
                    cached_tokens=0,
                    output_tokens=61,
                    usd=0.00094,
                ),
            )

    def asked(self, recipe: str, requests: int, completed: int) -> None:
        job, token = self.nodes["generate", recipe].id, f"token-{recipe}"
        self.clock.at = NOW - 2400
        self.begin(job)
        jobs.set_progress(self.connection, job, completed, requests, None)
        self.submission(job, token, requests)
        for ago, so_far in ((2300, 0), (1500, completed // 2), (300, completed)):
            self.clock.at = NOW - ago
            self.moment(token, "in_progress", "batch_68f3a9", so_far, requests, collected=False)

    def submission(self, job: str, token: str, requests: int) -> None:
        submissions.put(
            self.connection,
            job,
            self.clock.at,
            SubmissionRecord(
                token=token,
                mode="batch",
                provider="openai",
                base_url="https://api.openai.com/v1",
                key_digest="140bedbf9c3f",
                model="gpt-4o-2024-08-06",
                requests={f"{number:032}": f"sample:{number + 1:03}" for number in range(requests)},
                usd=0.08,
            ),
        )

    def moment(
        self, token: str, state: BatchState, batch: str, completed: int, total: int, *, collected: bool
    ) -> None:
        submissions.put_state(
            self.connection,
            self.clock.at,
            BatchRecord(
                token=token,
                state=state,
                id=batch,
                completed=completed,
                failed=0,
                total=total,
                collected=collected,
            ),
        )


_EXAMPLES = RecipeResult(
    sft_examples=52, preference_pairs=31, sft_used=52, preferences_used=31, left_out=None
)
_TRAINED: dict[str, Any] = {
    "train_loss": 1.2,
    "train_runtime_s": 1490.0,
    "epochs": 3.0,
    "examples": 52,
    "device": "cuda",
    "dtype": "bfloat16",
}
_FITTED = JudgeResult(
    agreement=0.58,
    agreement_low=0.49,
    agreement_high=0.67,
    agreement_pairs=118,
    label=LABELS["embedded"],
    auc=0.61,
    length_auc=0.51,
    alpha=30.0,
)
_VALIDATED = ValidateResult(
    agreement=0.74,
    agreement_low=0.63,
    agreement_high=0.83,
    agreement_pairs=60,
    design="both orders",
    prefers_first=0.55,
    placed=118,
    flip_rate=0.17,
    paired=59,
    verdicts=120,
    invalid_verdicts=1,
    invalid=1,
)
_OUT_OF_MEMORY = "CUDA out of memory: tried to allocate 2.00 GiB. Lower sft.per_device_train_batch_size"
_LOG = """\
INFO loading mistralai/Mistral-7B-v0.3
INFO 52 SFT examples, 14 steps an epoch
WARNING the tokenizer has no padding token: its end-of-text token is used
"""


def _chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) / 2**64
