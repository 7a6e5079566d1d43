"""What the program does with a model family: the checks behind docs/compatibility.md.

Each check raises `AssertionError` where a family breaks what the program promises. What the program refuses,
with the reason, is a part of the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file

from core.config.schema import Responding, Student
from core.domain.errors import UserError
from core.students import loading
from core.students.generation import Generator
from core.students.merging import merge
from core.training import training_job
from tests.students.families import Family, make
from tests.support import job_attempts, training_attempts
from tests.support.training_attempts import TrainingInputs

#: Their lengths differ, so that a batch of them is padded.
PROMPTS = (
    "Context: I moved to a town where I know nobody. Utterance: Every evening is so quiet.",
    "Context: We won the cup. Utterance: I still cannot believe it, we really did it, and my father was there!",
    "Context: Nothing. Utterance: Hi.",
)
_GREEDY = Responding(max_new_tokens=6)
_TRAINING: dict[str, Any] = {
    "learning_rate": 0.02,
    "max_steps": 2,
    "gradient_accumulation_steps": 1,
    "max_length": 2048,
    "sample_dialogues": 1,
    "sample_steps": 2,
}


@dataclass(frozen=True)
class Compatibility:
    """What works with a family."""

    family: Family
    modules: tuple[str, ...]
    """The modules that get an adapter by default; empty if the family is refused."""
    refused: str | None
    """Why the program refuses the family; None if all of it works."""


def examine(family: Family, folder: Path) -> Compatibility:
    """Train, answer with, and merge a tiny student of the family."""
    inputs = TrainingInputs(folder / "jobs", make(family, folder / "student"), limit=3)
    sft = inputs.attempt("sft", **_TRAINING)
    try:
        training_attempts.run(sft)
    except UserError as error:
        return Compatibility(family, (), str(error).replace(str(folder), ""))
    _check_adapter(sft / "adapter")
    dpo = inputs.attempt("sft-dpo", adapter=sft / "adapter", **_TRAINING)
    training_attempts.run(dpo)
    tokenizer = loading.load_tokenizer(inputs.student)
    model = loading.load_model(inputs.student, "cpu", torch.float32, dpo / "adapter").eval()
    _check_tokens(inputs, model, tokenizer)
    _check_batches(model, tokenizer)
    _check_merging(inputs.student, dpo / "adapter", folder / "merged", model, tokenizer)
    return Compatibility(family, _modules(model), None)


def _check_adapter(adapter: Path) -> None:
    """Every module with an adapter was trained."""
    weights = load_file(adapter / "adapter_model.safetensors")
    untrained = [name for name, value in weights.items() if "lora_B" in name and not value.any()]
    assert not untrained, untrained


def _check_tokens(inputs: TrainingInputs, model: Any, tokenizer: Any) -> None:
    """The prompt is the same tokens in training and answering, and what was trained ends the answer."""
    trainer, _ = training_job._trainer(
        job_attempts.context(inputs.attempt("sft", **_TRAINING)), "cpu", torch.float32
    )
    row, example = trainer.train_dataset[0], inputs.examples[0]
    prompt = [t for t, label in zip(row["input_ids"], row["labels"], strict=True) if label == -100]
    trained = [label for label in row["labels"] if label != -100]
    generator = Generator(model, tokenizer, [example.prompt[0].content])
    assert generator.tokens[0] == prompt
    assert row["input_ids"] == prompt + trained
    with _says(model, trained):
        (answer,) = generator.answer([0], Responding(max_new_tokens=len(trained)))
    assert (answer.text, answer.finish) == (example.completion[0].content, "stop")


def _check_batches(model: Any, tokenizer: Any) -> None:
    """Prompts that are answered together are answered as one by one."""
    together = _answers(model, tokenizer)
    alone = [Generator(model, tokenizer, [prompt]).answer([0], _GREEDY)[0].text for prompt in PROMPTS]
    assert together == alone


def _check_merging(student: Student, adapter: Path, folder: Path, model: Any, tokenizer: Any) -> None:
    """The merged model is a student that answers as the adapter does."""
    merged = Student(model=str(merge(student, adapter, folder)))
    merged_model = loading.load_model(merged, "cpu", torch.float32).eval()
    merged_tokenizer = loading.load_tokenizer(merged)
    ids = torch.tensor([Generator(model, tokenizer, PROMPTS[:1]).tokens[0]])
    with torch.inference_mode():
        logits, wanted = merged_model(input_ids=ids).logits, model(input_ids=ids).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-3, atol=1e-4)
    assert _answers(merged_model, merged_tokenizer) == _answers(model, tokenizer)


def _answers(model: Any, tokenizer: Any) -> list[str]:
    generator = Generator(model, tokenizer, PROMPTS)
    return [answer.text for answer in generator.answer(range(len(PROMPTS)), _GREEDY)]


def _modules(model: Any) -> tuple[str, ...]:
    """The names of the modules with an adapter, without their layers."""
    return tuple(
        sorted({name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, LoraLayer)})
    )


@contextmanager
def _says(model: Any, tokens: Sequence[int]) -> Iterator[None]:
    """Let the model generate these tokens, whatever the prompt."""
    remaining = iter(tokens)

    def replace(module: object, arguments: object, logits: torch.Tensor) -> torch.Tensor:
        scripted = torch.full_like(logits, -1e4)
        scripted[:, -1, next(remaining)] = 1e4
        return scripted

    handle = model.get_output_embeddings().register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
