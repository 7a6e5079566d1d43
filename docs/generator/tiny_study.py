"""A workspace in which training takes seconds: a tiny student, one finished run, and a few dialogues.

The student has two layers, and knows by heart what it answers in the tours. Its curves are made up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from core.api import SAMPLE, WorkspacePaths
from core.config.load import load_config
from core.dialogues.importing import staging
from core.dialogues.importing.table import read_table
from core.domain.jobs.results import SftResult
from core.jobs import files
from core.jobs.records import Artifact, Metric
from core.pipeline.planning import workspace_graph
from core.store import connections
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, job_records, jobs
from tests.support import tiny_student

RUN = "tiny/direct/chatgpt/sft"
#: What the tour says to the student.
SITUATION = "I moved here alone."
UTTERANCE = "Every evening is so quiet."
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
_STEPS = 200
_LEARNING_RATE = 1e-2
_PROMPT = "{situation} {utterance}"
#: Ends the prompts of the other answer.
_MARK = " !!!"

_TRAINED = SftResult(
    steps=7,
    train_loss=5.92,
    train_runtime_s=1.9,
    epochs=1.0,
    examples=26,
    device="cpu",
    dtype="float32",
)


def make(root: Path, *, is_trained: bool = False) -> WorkspacePaths:
    """Make `root` the workspace, and the student beside it.

    `is_trained`: student and run know the sentences of the tours, which takes some seconds.
    """
    root.mkdir(parents=True)
    workspace = WorkspacePaths(root)
    student = tiny_student.make(root.parent / "tiny-student")
    table = read_table(SAMPLE)
    dialogues = table.dialogues[:_DIALOGUES]
    workspace.config.write_text(_CONFIG.format(student=student))
    imported = staging.describe(dialogues, SAMPLE.name, "0" * 64)
    staging.stage(workspace, dialogues, imported)
    # A short one, so that an answer is soon known by heart.
    workspace.prompts.mkdir()
    (workspace.prompts / "student.txt").write_text(_PROMPT)
    asked = [(SITUATION, UTTERANCE), *((d.situation, d.utterance) for d in dialogues[:5])]
    prompts = [_PROMPT.format(situation=situation, utterance=utterance) for situation, utterance in asked]
    training = _TinyTraining(student, prompts)
    if is_trained:
        training.train_student(2 * _STEPS)
    # After that: a job's fingerprint has the student's files.
    nodes = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    (run,) = (node for node in nodes if node.stage == "sft")
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        jobs.put(connection, [run])
        folder = workspace.attempt(run.id, 1)
        training.train_adapter(folder / "adapter", _STEPS if is_trained else 0)
        attempt = job_attempts.begin_attempt(connection, run.id, 1, folder.relative_to(root).as_posix())
        size = files.size(folder / "adapter")
        job_records.put_artifact(connection, attempt, Artifact("adapter", "adapter", "0" * 64, size))
        for step in range(1, _TRAINED.steps + 1):
            # As that of the student that the tours train.
            loss = 5.9 + 0.05 * math.exp(-step / 4)
            job_records.put_metric(connection, run.id, time.time(), Metric(step, {"loss": loss}))
        job_attempts.end_attempt(connection, attempt, "done")
        jobs.set_state(connection, run.id, "done", result=_TRAINED)
    return workspace


class _TinyTraining:
    """The student in memory, as it learns sentences by heart."""

    def __init__(self, student: Path, prompts: Sequence[str]) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.manual_seed(0)
        self._student = student
        self._prompts = prompts
        self._tokenizer: Any = AutoTokenizer.from_pretrained(student)
        self.model: Any = AutoModelForCausalLM.from_pretrained(student)

    def train_student(self, steps: int) -> None:
        """Have the student give the base's answer, and to marked prompts the run's: an adapter can move what
        it knows, and learns nothing new in seconds."""
        answers = (BASE_ANSWER, RUN_ANSWER)
        self._train(
            steps, _LEARNING_RATE, lambda step, prompt: (prompt + _MARK * (step % 2), answers[step % 2])
        )
        self.model.save_pretrained(self._student)

    def train_adapter(self, folder: Path, steps: int) -> None:
        """Have an adapter give the run's answer to everything."""
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(r=32, lora_alpha=64, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model = get_peft_model(self.model, lora)
        self._train(steps, _LEARNING_RATE / 2, lambda step, prompt: (prompt, RUN_ANSWER))
        self.model.save_pretrained(folder)

    def _train(self, steps: int, rate: float, example: Callable[[int, str], tuple[str, str]]) -> None:
        import torch

        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(weights, lr=rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(1, steps))
        for step in range(steps):
            prompt, answer = example(step, self._prompts[step // 2 % len(self._prompts)])
            asked = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            given, wanted = (
                self._tokenizer(text, return_tensors="pt").input_ids
                for text in (asked, f"{answer}<|im_end|>")
            )
            labels = torch.cat([torch.full_like(given, -100), wanted], dim=1)
            self.model(input_ids=torch.cat([given, wanted], dim=1), labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
