"""LLaMA-Factory's optimizer steps for `benchmarks.training`, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config.schema import Dpo, Lora, Recipes, Training
from core.domain.data.dialogues import Dialogue
from core.prompts import templates
from core.recipes import llama_factory

_STEPS = Path(__file__).with_name("llama_factory_steps.py")
#: Characters of its output that are shown when it fails.
_SHOWN = 3000


@dataclass(frozen=True)
class Steps:
    """What its steps took."""

    seconds: float
    cpu_seconds: float
    memory: int
    """The peak above what its process had before the steps, in bytes."""
    tokens: int
    """Those that the model computed, padding included."""


def run(
    venv: Path,
    model: Path,
    dialogues: Sequence[Dialogue],
    recipe: str,
    rows: list[int],
    training: Training,
    folder: Path,
) -> Steps:
    """Train on these rows of the exported data set of a recipe. Raises `RuntimeError` if it fails."""
    is_dpo = isinstance(training, Dpo)
    llama_factory.export(folder, dialogues, [recipe], Recipes(), templates.load("student"), {}, {})
    name = f"{recipe.replace('/', '_')}_{'dpo' if is_dpo else 'sft'}"
    path = folder / f"{name}.json"
    exported = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps([exported[row] for row in rows]), encoding="utf-8")
    settings = folder / "settings.json"
    settings.write_text(json.dumps(_arguments(model, name, training, folder)))
    result = folder / "result.json"
    ended = subprocess.run(
        # `-P`: that file imports nothing from beside it.
        [str(venv / "bin" / "python"), "-P", str(_STEPS), str(settings), str(result)],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode or not result.exists():
        raise RuntimeError(f"LLaMA-Factory failed:\n{(ended.stdout + ended.stderr)[-_SHOWN:]}")
    return Steps(**json.loads(result.read_text()))


def _arguments(model: Path, dataset: str, training: Training, folder: Path) -> dict[str, Any]:
    """The same settings as the other ways have, under its names."""
    lora = Lora()
    found: dict[str, Any] = {
        "model_name_or_path": str(model),
        "template": "smollm2",
        "stage": "dpo" if isinstance(training, Dpo) else "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_target": "all",
        "lora_rank": lora.r,
        "lora_alpha": lora.lora_alpha,
        "lora_dropout": lora.lora_dropout,
        "dataset": dataset,
        "dataset_dir": str(folder),
        "cutoff_len": training.max_length,
        "output_dir": str(folder / "output"),
        "use_cpu": True,
        # It checkpoints gradients by default, which would take more time.
        "disable_gradient_checkpointing": True,
        "per_device_train_batch_size": training.per_device_train_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "max_steps": training.max_steps,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.lr_scheduler_type,
        "optim": training.optim,
        "logging_steps": training.logging_steps,
        "save_strategy": "no",
        "report_to": "none",
        "seed": training.seed,
    }
    if isinstance(training, Dpo):
        found |= {"pref_beta": training.beta, "pref_loss": training.loss_type}
    return found
