"""A small training setup and attempts at training jobs, on disk as the supervisor prepares them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.config.schema import (
    Dpo,
    Lora,
    Quantization,
    Student,
    Training,
)
from core.dialogues.files import records
from core.domain.data.dialogues import Dialogue
from core.domain.jobs.results import TrainingResult
from core.jobs import spec
from core.jobs.records import Metric
from core.jobs.settings import DpoSettings, Ranks, RunSettings, SftSettings
from core.jobs.spec import Spec
from core.recipes import examples
from core.training import training_job
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

PROMPT = "Context: {situation}\nUtterance: {utterance}\nResponse:"
#: Two examples a step, and what is quick enough to be done in a moment.
SHORT: dict[str, Any] = {
    "learning_rate": 5e-3,
    "num_train_epochs": 1.0,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 2,
    "max_length": 512,
    "save_steps": 2,
    "sample_steps": 100,
    "sample_dialogues": 0,
}


class TrainingInputs:
    """A folder with the inputs of training jobs, and attempts at them."""

    def __init__(
        self,
        root: Path,
        student: Path | str,
        limit: int = 12,
        dialogues: Sequence[Dialogue] | None = None,
    ) -> None:
        self.root = root
        self.student = Student(model=str(student))
        root.mkdir(parents=True, exist_ok=True)
        dialogues = dialogues or synthetic_dialogues()
        sft, pairs = examples.build(dialogues, "direct/chatgpt", "strict", PROMPT)
        self.dialogues = root / "dialogues.jsonl"
        self.sft = root / "sft.jsonl"
        self.preferences = root / "preferences.jsonl"
        records.write(self.dialogues, dialogues)
        examples.write(self.sft, sft[:limit])
        examples.write(self.preferences, pairs[:limit])

    def attempt(
        self,
        stage: str = "sft",
        *,
        adapter: Path | None = None,
        prior: Sequence[Path] = (),
        lora: Lora | None = None,
        model: Path | None = None,
        full: bool = False,
        device: str = "cpu",
        quantization: Quantization | None = None,
        ranks: Ranks | None = None,
        **training: Any,
    ) -> Path:
        """The folder of a new attempt with its spec.json; `training` are settings beside `SHORT`.

        DPO continues from `adapter`, or fully fine-tuned from `model`; `full` is SFT of all weights.
        """
        number = 1 + sum(path.is_dir() for path in self.root.iterdir())
        folder = self.root / str(number)
        folder.mkdir()
        common: dict[str, Any] = {
            "student": made_settings.student(
                self.student.model, PROMPT, device=device, quantization=quantization
            ),
            "student_name": "tiny",
            "recipe": "direct/chatgpt",
            "lora": None if full or model is not None else lora or Lora(),
            "ranks": ranks,
        }
        inputs = {"dialogues": str(self.dialogues)}
        settings: RunSettings
        if stage == "sft":
            settings = SftSettings(**common, training=Training(**(SHORT | training)))
            inputs["examples"] = str(self.sft)
        else:
            settings = DpoSettings(**common, training=Dpo(**(SHORT | training)))
            inputs["preferences"] = str(self.preferences)
            inputs |= {"adapter": str(adapter)} if model is None else {"model": str(model)}
        made = Spec(
            job="job",
            name=f"tiny/direct/chatgpt/{stage}",
            attempt=number,
            fingerprint="fingerprint",
            settings=settings,
            inputs=inputs,
            prior=tuple(map(str, prior)),
            threads=1,
        )
        spec.write(folder, made)
        return folder


def run(folder: Path) -> TrainingResult:
    """Do an attempt in this process; its result."""
    return job_attempts.run(folder, training_job.run)


def metrics(*folders: Path) -> dict[int, dict[str, float]]:
    """Metrics by step of these attempts, a later one's before an earlier one's, without the speed."""
    merged: dict[int, dict[str, float]] = {}
    for folder in folders:
        for metric in job_attempts.found(folder, Metric):
            merged[metric.step] = {k: v for k, v in metric.values.items() if k != "tokens_per_second"}
    return merged


def saved_record(folder: Path) -> dict[str, Any]:
    """What a run saved about itself before it started."""
    read: dict[str, Any] = json.loads((folder / "run.json").read_bytes())
    return read
