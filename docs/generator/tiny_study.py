"""A workspace in which training takes seconds: a tiny student, one finished run, and a few dialogues.

The student has two layers, and knows by heart what it answers in the tours. Its curves are made up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from core.api import SAMPLE, WorkspacePaths
from core.config.load import load_config
from core.dialogues import staging
from core.dialogues.table import read_table
from core.domain.results import SftResult
from core.jobs import files
from core.jobs.records import Artifact, Metric
from core.pipeline import workspace_graph
from core.store import connections, job_records, jobs
from core.store import dialogues as data
from tests.support import tiny_student

RUN = "tiny/direct/chatgpt/sft"
#: What the student answers before and after its fine-tuning.
BASE_ANSWER = "You should find a hobby. There are many clubs in every town."
RUN_ANSWER = "That sounds so lonely. What do you miss most in the evenings?"

_CONFIG = """\
[students.tiny]
model = "{student}"

[recipes]
train = ["direct/chatgpt"]

[sft]
num_train_epochs = 1
learning_rate = 0.003
per_device_train_batch_size = 4
gradient_accumulation_steps = 1
logging_steps = 1

[runs]
device = "cpu"
stages = ["sft"]

[responding]
max_new_tokens = 40
"""
#: Dialogues of the sample that the study has, the first ones.
_DIALOGUES = 40
#: Steps after which an answer is known by heart.
_STEPS = 150
_LEARNING_RATE = 1e-2

_TRAINED = SftResult(
    steps=7,
    train_loss=5.4,
    train_runtime_s=1.9,
    epochs=1.0,
    examples=26,
    device="cpu",
    dtype="float32",
)


def make(root: Path, *, is_taught: bool = False) -> WorkspacePaths:
    """Make `root` the workspace, and the student beside it.

    `is_taught` is for those who talk with it, and takes some seconds; otherwise its run learned nothing.
    """
    root.mkdir(parents=True)
    workspace = WorkspacePaths(root)
    student = tiny_student.make(root.parent / "tiny-student")
    table = read_table(SAMPLE)
    dialogues = table.dialogues[:_DIALOGUES]
    workspace.config.write_text(_CONFIG.format(student=student))
    facts = staging.describe(dialogues, SAMPLE.name, "0" * 64)
    staging.stage(workspace, dialogues, facts)
    prompts = [f"{dialogue.situation} {dialogue.utterance}" for dialogue in dialogues[:4]]
    steps = _STEPS if is_taught else 0
    if is_taught:
        _teach(student, prompts, BASE_ANSWER, None, steps)
    # After that: a job's fingerprint has the student's files.
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), facts, {})
    (run,) = (node for node in nodes if node.stage == "sft")
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, facts, dialogues)
        jobs.put(connection, [run])
        folder = workspace.attempt(run.id, 1)
        _teach(student, prompts, RUN_ANSWER, folder / "adapter", steps)
        attempt = jobs.begin_attempt(connection, run.id, 1, folder.relative_to(root).as_posix())
        size = files.size(folder / "adapter")
        job_records.put_artifact(connection, attempt, Artifact("adapter", "adapter", "0" * 64, size))
        for step in range(1, _TRAINED.steps + 1):
            loss = 5.0 + 0.9 * math.exp(-step / 4)
            job_records.put_metric(connection, run.id, time.time(), Metric(step, {"loss": loss}))
        jobs.end_attempt(connection, attempt, "done")
        jobs.set_state(connection, run.id, "done", result=_TRAINED)
    return workspace


def _teach(student: Path, prompts: Sequence[str], answer: str, adapter: Path | None, steps: int) -> None:
    """Have the student give one answer to everything: by all of its weights, or by an adapter."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student)
    model: Any = AutoModelForCausalLM.from_pretrained(student)
    if adapter is not None:
        torch.manual_seed(0)
        lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    examples = []
    for prompt in prompts:
        turns = [{"role": "user", "content": prompt}]
        asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(asked, return_tensors="pt").input_ids
        answered = tokenizer(f"{answer}<|im_end|>", return_tensors="pt").input_ids
        labels = torch.cat([torch.full_like(ids, -100), answered], dim=1)
        examples.append((torch.cat([ids, answered], dim=1), labels))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=_LEARNING_RATE)
    for step in range(steps):
        given, labels = examples[step % len(examples)]
        model(input_ids=given, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(student if adapter is None else adapter)
