"""The settings of each stage's jobs: all that decides what a job does, apart from what it reads.

The planner makes them from config.toml; the store and spec.json keep them as JSON, and they are read back
strictly: a key that is unknown, missing or of another type is an error that names its place. Settings as
config.toml has them are its own records (`core.config.schema`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec

from core.config.schema import (
    Device,
    Dpo,
    Dtype,
    Lora,
    Pairing,
    Price,
    Responding,
    Student,
    Teacher,
    Training,
)
from core.domain.errors import UserError
from core.domain.jobs import Stage


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Identity(_Settings, frozen=True, omit_defaults=True):
    """What of a large model decides its answers: a changed one asks, and pays, anew.

    `base_url` is part of it: two servers may call different models by the same name.
    """

    provider: Literal["openai", "google", "local"]
    base_url: str | None
    model: str
    temperature: float | None
    top_p: float | None
    seed: int | None
    max_output_tokens: int
    extra_body: dict[str, Any]
    """Further fields of the request, as config.toml gives them: they are the provider's, not ours."""
    top_logprobs: int | None = None
    """Left out of the JSON where it is None, so that answers that were paid for without it still serve."""


class ClientSettings(_Settings, frozen=True):
    """How a large model is called, and what it may cost: nothing of it changes the work."""

    teacher: Teacher
    """The model, limits and tries; of a judge, what it has in common with a teacher."""
    price: Price | None
    """None where it is not known."""
    budget_usd: float | None
    """US dollars that the whole workspace may spend; None for no limit."""


class Placement(_Settings, frozen=True):
    """Where a model that is loaded into the worker's process runs."""

    device: Device
    dtype: Dtype


class LargeModel(_Settings, frozen=True):
    """A large model that a job sends requests to."""

    identity: Identity
    placement: Placement | None
    """None behind an API."""
    client: ClientSettings


class LlmJudge(_Settings, frozen=True, tag="llm"):
    """A judge that is a large model."""

    name: str
    """Its name in config.toml."""
    swap: bool
    """Whether each pair is shown in both orders."""
    repeats: int
    """How often each pair is judged in each order."""
    prompt: str
    """The template of the question."""
    model: LargeModel


class EmbeddedJudge(_Settings, frozen=True, tag="embedded"):
    """The judge that a job of stage `judge` fits."""

    name: str
    """Its name in config.toml."""


class DirectMethod(_Settings, frozen=True, tag="direct"):
    """Examples from the data alone."""

    pairing: Pairing


class ImproveMethod(_Settings, frozen=True, tag="improve"):
    """Examples from a teacher's improved responses."""

    improve_llm_sft: int
    """Of the paper's 1,750 train dialogues, how many give improve-llm's SFT examples."""
    improve_llm_seed: int


class LocalStudent(_Settings, frozen=True):
    """A student, and where it runs."""

    config: Student
    """As config.toml has it."""
    chat_template_sha256: str | None
    """Of the file that `config.chat_template` names; None where there is none. Its text makes the prompts, so
    a change in it is a change of the work."""
    prompt: str
    """The template of the student's prompt."""
    device: Device
    dtype: Dtype


class StudentResponder(_Settings, frozen=True, tag="student"):
    """A student that responds, with an adapter where the job has that input."""

    student: LocalStudent
    responding: Responding


class TeacherResponder(_Settings, frozen=True, tag="teacher"):
    """A teacher that responds to the prompt that every responder gets."""

    prompt: str
    model: LargeModel


class _StageSettings(_Settings, frozen=True, tag_field="stage"):
    """The tag is the stage's name."""

    stage: ClassVar[Stage]


class GenerateSettings(_StageSettings, frozen=True, tag="generate"):
    """One set of a teacher's responses to the train split."""

    stage: ClassVar[Stage] = "generate"
    model: LargeModel
    turns: tuple[str, ...]
    """The templates of the user's turns."""
    original: Literal["human", "initial"] | None
    """Which response is improved; None where the teacher writes its own."""
    max_left_out: float
    """Share of the requests that may stay without a usable response."""


class RecipeSettings(_StageSettings, frozen=True, tag="recipe"):
    """A recipe's examples."""

    stage: ClassVar[Stage] = "recipe"
    recipe: str
    prompt: str
    """The template of the student's prompt."""
    sft_limit: int | None
    """SFT examples to draw; None for all."""
    preference_limit: int | None
    """Preference pairs to draw; None for all."""
    seed: int
    """Of both draws."""
    method: DirectMethod | ImproveMethod


class _RunSettings(_StageSettings, frozen=True):
    """One fine-tuning."""

    student: LocalStudent
    student_name: str
    """The student's name in config.toml."""
    recipe: str
    lora: Lora


class SftSettings(_RunSettings, frozen=True, tag="sft"):
    """Supervised fine-tuning of a fresh adapter."""

    stage: ClassVar[Stage] = "sft"
    training: Training


class DpoSettings(_RunSettings, frozen=True, tag="sft-dpo"):
    """DPO on top of the SFT adapter."""

    stage: ClassVar[Stage] = "sft-dpo"
    training: Dpo


class RespondSettings(_StageSettings, frozen=True, tag="respond"):
    """A responder's responses to the test split."""

    stage: ClassVar[Stage] = "respond"
    responder: StudentResponder | TeacherResponder


class JudgeSettings(_StageSettings, frozen=True, tag="judge"):
    """Fitting the embedded judge to the train split's ratings."""

    stage: ClassVar[Stage] = "judge"
    provider: Literal["embedded"] = "embedded"


class ValidateSettings(_StageSettings, frozen=True, tag="validate"):
    """A judge's agreement with people, on pairs that they rated."""

    stage: ClassVar[Stage] = "validate"
    judge: LlmJudge
    pairs: int
    """At most so many, each of another train dialogue."""


class CompareSettings(_StageSettings, frozen=True, tag="compare"):
    """Two responders under one judge."""

    stage: ClassVar[Stage] = "compare"
    a: str
    """The baseline's name."""
    b: str
    judge: LlmJudge | EmbeddedJudge


RunSettings = SftSettings | DpoSettings
Settings = (
    GenerateSettings
    | RecipeSettings
    | SftSettings
    | DpoSettings
    | RespondSettings
    | JudgeSettings
    | ValidateSettings
    | CompareSettings
)

#: Fields that only watch the work, or say how a model is called and paid. Every other field takes part in the
#: fingerprint of a job.
_NOT_IN_FINGERPRINT: Mapping[type[msgspec.Struct], frozenset[str]] = {
    LargeModel: frozenset({"client"}),
    Training: frozenset(
        {
            "logging_steps",
            "save_steps",
            "save_total_limit",
            "report_to",
            "sample_steps",
            "sample_dialogues",
        }
    ),
}


def fingerprinted(settings: msgspec.Struct) -> dict[str, object]:
    """What of the settings, or of a part of them, decides the work, by name."""
    left_out = frozenset[str]().union(
        *(names for kind, names in _NOT_IN_FINGERPRINT.items() if isinstance(settings, kind))
    )
    tag = settings.__struct_config__.tag
    found: dict[str, object] = {} if tag is None else {"type": tag}
    for name in settings.__struct_fields__:
        if name not in left_out:
            value = getattr(settings, name)
            found[name] = fingerprinted(value) if isinstance(value, msgspec.Struct) else value
    return found


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Settings)


def encode(settings: Settings) -> str:
    """The settings as JSON."""
    return _encoder.encode(settings).decode()


def decode(text: str, place: str) -> Settings:
    """The settings that `encode` wrote. Raises `UserError` that names `place` and the wrong key."""
    try:
        settings: Settings = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UserError(f"{place}: {error}") from error
    return settings
