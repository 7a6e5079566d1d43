"""The students in memory: a base model is shared, except with an adapter that changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, LlamaForCausalLM

from core.jobs.settings import LocalStudent
from core.playground.students import LoadedStudents
from core.students.models import loading
from tests.support import tiny_student
from tests.support.records import made_settings


def student(folder: Path) -> LocalStudent:
    """A tiny student with biases, which an adapter can change."""
    tiny_student.make(folder)
    config = AutoConfig.from_pretrained(folder)
    config.attention_bias = True
    torch.manual_seed(1)
    LlamaForCausalLM(config).save_pretrained(folder)
    return made_settings.student(folder, "{situation} {utterance}")


def adapter(base: LocalStudent, folder: Path, *, bias: bool) -> Path:
    model = loading.load_model(base.config, "cpu", torch.float32)
    torch.manual_seed(int(bias))
    made: Any = get_peft_model(
        model,
        LoraConfig(
            r=4,
            target_modules="all-linear",
            init_lora_weights=False,
            task_type="CAUSAL_LM",
            bias="all" if bias else "none",
        ),
    )
    if bias:
        for name, weight in made.named_parameters():
            if name.endswith("bias"):
                weight.data += 1.0
    made.save_pretrained(folder)
    return folder


def logits(model: Any) -> list[float]:
    with torch.inference_mode():
        found: list[float] = model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1].tolist()
    return found


def test_an_adapter_that_changes_the_base_model_has_one_of_its_own(tmp_path: Path) -> None:
    base = student(tmp_path / "student")
    plain = adapter(base, tmp_path / "plain", bias=False)
    biased = adapter(base, tmp_path / "biased", bias=True)
    students = LoadedStudents()
    loaded = {path: students.load(base, path)[0] for path in (None, plain, biased, None, plain)}
    assert loaded[plain] is loaded[None] is not loaded[biased]
    for path, shared in loaded.items():
        alone = loading.load_model(base.config, "cpu", torch.float32, path)
        with shared.answering(path) as model:
            assert logits(model) == logits(alone)
    students.keep(())
    assert not students.is_loaded(base)
