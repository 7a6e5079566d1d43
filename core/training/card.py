"""The model card that goes with every adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core import files

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def versions() -> dict[str, str]:
    """The versions of the libraries that training rests on."""
    return {name: version(name) for name in LIBRARIES}


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
    known_on_hub = not model.startswith(("embedded/", "/", ".", "~"))
    data = ModelCardData(
        base_model=model if known_on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["empathy", "lora", run["stage"]],
    )
    training = "\n".join(f"| {key} | `{json.dumps(value)}` |" for key, value in settings["training"].items())
    lora = "\n".join(f"| {key} | `{json.dumps(value)}` |" for key, value in settings["lora"].items())
    results = "\n".join(f"| {key} | `{json.dumps(value)}` |" for key, value in result.items())
    libraries = "\n".join(f"- {name} {number}" for name, number in versions().items())
    text = f"""---
{data.to_yaml()}
---

# {run["student"]}/{run["recipe"]}/{run["stage"]}

A LoRA adapter that distils empathy into `{model}`: recipe `{run["recipe"]}`, stage `{run["stage"]}`,
trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling Empathy from Large
Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: `{model}`{_revision(settings)}
- Recipe: `{run["recipe"]}`
- Training data: SHA-256 `{data_sha256}`

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(STUDENT), ADAPTER)
tokenizer = AutoTokenizer.from_pretrained(ADAPTER)
merged = model.merge_and_unload()
```

The chat template saved with the adapter is the one that it was trained with.

## Training

| setting | value |
| --- | --- |
{training}

| LoRA | value |
| --- | --- |
{lora}

| result | value |
| --- | --- |
{results}

## Libraries

{libraries}
"""
    files.write_bytes(folder / "README.md", text.encode())


def _revision(settings: Mapping[str, Any]) -> str:
    revision = settings["student"].get("revision")
    return f", revision `{revision}`" if revision else ""
