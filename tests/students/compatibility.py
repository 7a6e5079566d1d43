"""What the program does with model families and chat templates: the checks behind docs/compatibility.md.

Each check raises `AssertionError` where the program breaks a promise. What it refuses, with the reason, is a
part of the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from core.config.schema import Responding, Student
from core.domain.errors import UserError
from core.jobs.records import Sample
from core.recipes import examples
from core.recipes.examples import PreferencePair, SftExample
from core.students.chat import chat_format, chat_template
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.merging import merge
from core.students.models import loading
from core.teachers.protocol import Message
from core.training import training_job
from core.training.saving import checkpoints
from tests.students import families, unusable
from tests.students.chat import chat_tokenizers
from tests.students.families import Family
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs

#: In a batch, the first and the last are padded to the longest.
PROMPTS = (
    "Context: I moved to a town where I know nobody. Utterance: Every evening is so quiet.",
    "Context: We won the cup. Utterance: I still cannot believe it, and my father was there!",
    "Context: Nothing. Utterance: Hi.",
)
ANSWER = "I hear you."
_GREEDY = Responding(max_new_tokens=4)
_TRAINING: dict[str, Any] = {
    "learning_rate": 0.02,
    "max_steps": 1,
    "per_device_train_batch_size": len(PROMPTS),
    "gradient_accumulation_steps": 1,
    "max_length": 2048,
    "sample_dialogues": 1,
}


@dataclass(frozen=True)
class FamilyOutcome:
    """What the program does with a student of a family."""

    family: Family
    modules: tuple[str, ...]
    """The modules that get an adapter by default; empty if the student is refused."""
    refused: str | None
    """Why the student is refused; None if it trains, answers and merges."""


@dataclass(frozen=True)
class TemplateOutcome:
    """What the program does with a chat template."""

    template: str
    end_token: str | None
    """What ends an answer; None if the template is refused."""
    notes: tuple[str, ...]
    """What is fixed or added where the template alone would not do."""
    refused: str | None
    """Why the template is refused; None if training and answering see the same prompts."""


def examine_family(family: Family, folder: Path) -> FamilyOutcome:
    """Train, answer with, and merge a tiny student of the family."""
    inputs = _inputs(folder / "jobs", families.make(family, folder / "student"))
    job = job_attempts.context(inputs.attempt("sft", **_TRAINING))
    try:
        prepared = training_job.prepare(job, "cpu", torch.float32)
    except UserError as error:
        return FamilyOutcome(family, (), _reason(error, inputs.student))
    trainer, chat = prepared.trainer, prepared.chat
    # The trainers compute logits without the head, so that only sample answers are such.
    with _says(trainer.model, [chat.end_id]):
        trainer.train()
    assert [sample.text for sample in job_attempts.found(job.folder, Sample)] == [""]
    sft = job.folder / checkpoints.FOLDER / f"checkpoint-{trainer.state.max_steps}"
    _check_adapter(sft)
    dpo = inputs.attempt("sft-dpo", adapter=sft, **_TRAINING | {"sample_dialogues": 0})
    training_attempts.run(dpo)
    model = loading.load_model(inputs.student, "cpu", torch.float32, dpo / "adapter").eval()
    row = trainer.train_dataset[0]
    trained = [label for label in row["labels"] if label != -100]
    assert row["input_ids"] == chat.prompt(PROMPTS[0]) + trained
    _check_tokens(model, chat, trained, dpo / "adapter")
    answers = _check_batches(model, chat)
    _check_merging(inputs.student, dpo / "adapter", folder / "merged", model, chat, answers)
    return FamilyOutcome(family, _modules(sft), None)


def examine_damage(name: str, folder: Path) -> str | None:
    """Train a student that is damaged in that way; why it is refused, or None if it is not."""
    inputs = _inputs(folder / "jobs", families.make(families.FAMILIES[0], folder / "student"))
    unusable.DAMAGES[name](folder / "student")
    job = job_attempts.context(inputs.attempt("sft", **_TRAINING))
    try:
        training_job.prepare(job, "cpu", torch.float32)
    except UserError as error:
        return _reason(error, inputs.student)
    return None


def examine_template(name: str, template: str, folder: Path, model: Any) -> TemplateOutcome:
    """Render prompts and answers with a chat template; `model` is one to generate with."""
    chat_tokenizers.tokenizer(template).save_pretrained(folder)
    model.config.save_pretrained(folder)
    student = Student(model=str(folder))
    try:
        chat = chat_format.load(student)
    except UserError as error:
        return TemplateOutcome(name, None, (), _reason(error, student))
    _check_tokens(model, chat, chat.completion(ANSWER), folder)
    return TemplateOutcome(name, chat.end_token, chat.notes, None)


def _inputs(folder: Path, student: Path) -> TrainingInputs:
    inputs = TrainingInputs(folder, student, limit=0)
    turns = [(Message("user", prompt),) for prompt in PROMPTS]
    answer, other = (Message("assistant", ANSWER),), (Message("assistant", "So what."),)
    examples.write(inputs.sft, [SftExample("made", turn, answer) for turn in turns])
    examples.write(inputs.preferences, [PreferencePair("made", turn, answer, other) for turn in turns])
    return inputs


def _reason(error: UserError, student: Student) -> str:
    return str(error).replace(student.model, "MODEL")


def _check_adapter(adapter: Path) -> None:
    """Every module with an adapter was trained."""
    weights = load_file(adapter / "adapter_model.safetensors")
    untrained = [name for name, value in weights.items() if "lora_B" in name and not value.any()]
    assert not untrained


def _check_tokens(model: Any, chat: ChatFormat, trained: Sequence[int], tokenizer: Path) -> None:
    """What was trained on a prompt is read as the answer, and ends it; others render the same prompt."""
    generator = Generator(model, chat, PROMPTS[:1])
    with _says(model, trained):
        (answer,) = generator.answer([0], Responding(max_new_tokens=len(trained)))
    assert (answer.text, answer.finish) == (ANSWER, "stop")
    chat.tokenizer.save_pretrained(tokenizer)
    saved = AutoTokenizer.from_pretrained(tokenizer)
    prompt = chat_template.render(saved, ["user"], PROMPTS[:1], add_generation_prompt=True, model=chat.model)
    assert saved.encode(prompt, add_special_tokens=False) == generator.tokens[0]


def _check_batches(model: Any, chat: ChatFormat) -> list[str]:
    """Prompts that are padded to the longest one are answered as alone; the answers to all."""
    together = _answers(model, chat)
    padded = (0, 2)
    alone = [Generator(model, chat, [PROMPTS[i]]).answer([0], _GREEDY)[0].text for i in padded]
    assert [together[i] for i in padded] == alone
    return together


def _check_merging(
    student: Student, adapter: Path, folder: Path, model: Any, chat: ChatFormat, answers: Sequence[str]
) -> None:
    """The merged model is a student that answers as the adapter does."""
    merged = Student(model=str(merge(student, adapter, folder)))
    merged_model = loading.load_model(merged, "cpu", torch.float32).eval()
    merged_chat = chat_format.load(merged)
    ids = torch.tensor([chat.prompt(PROMPTS[0])])
    with torch.inference_mode():
        logits, wanted = merged_model(input_ids=ids).logits, model(input_ids=ids).logits
    torch.testing.assert_close(logits, wanted, rtol=1e-3, atol=1e-4)
    assert _answers(merged_model, merged_chat) == answers
    assert merged_chat.prompt(PROMPTS[0]) == chat.prompt(PROMPTS[0])
    assert merged_chat.completion("I see.") == chat.completion("I see.")


def _answers(model: Any, chat: ChatFormat) -> list[str]:
    generator = Generator(model, chat, PROMPTS)
    return [answer.text for answer in generator.answer(range(len(PROMPTS)), _GREEDY)]


def _modules(adapter: Path) -> tuple[str, ...]:
    """The names of the modules with an adapter, without their layers."""
    weights = load_file(adapter / "adapter_model.safetensors")
    modules = {name.partition(".lora_")[0].removesuffix(".base_layer") for name in weights}
    return tuple(sorted({module.rpartition(".")[2] for module in modules}))


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
