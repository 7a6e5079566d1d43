"""Made settings of jobs, with those fields changed that a test is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.config.schema import Lora, Responding, Student, Teacher, Training
from core.domain.states import Slot
from core.jobs.inputs import ImportedDialogues
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    ClientSettings,
    CompareSettings,
    DirectMethod,
    EmbeddedJudge,
    GenerateSettings,
    JudgeSettings,
    LargeModel,
    LocalStudent,
    RecipeSettings,
    RespondSettings,
    Settings,
    SftSettings,
    StudentResponder,
)
from core.prompts import templates
from core.teachers.settings.identity import identity

TEACHER = Teacher(provider="openai", model="gpt-4o")
DECODING = Responding(max_new_tokens=8)


def large_model(teacher: Teacher = TEACHER) -> LargeModel:
    client = ClientSettings(teacher=teacher, price=None, budget_usd=None)
    return LargeModel(identity=identity(teacher), placement=None, client=client)


def generate(**changes: Any) -> GenerateSettings:
    """A set of responses of one turn, without an original."""
    known: dict[str, Any] = {
        "model": large_model(),
        "turns": ("{situation} {utterance}",),
        "original": None,
        "max_left_out": 0.02,
    }
    return GenerateSettings(**(known | changes))


def recipe(**changes: Any) -> RecipeSettings:
    known: dict[str, Any] = {
        "recipe": "direct/all_together",
        "prompt": templates.load("student"),
        "sft_limit": None,
        "preference_limit": None,
        "seed": 42,
        "method": DirectMethod(pairing="strict"),
    }
    return RecipeSettings(**(known | changes))


def student(model: Path | str, prompt: str = "{situation} {utterance}", **changes: Any) -> LocalStudent:
    """A student on the CPU."""
    known: dict[str, Any] = {
        "source": str(model),
        "chat_template_sha256": None,
        "device": "cpu",
        "dtype": "auto",
    }
    return LocalStudent(**(known | {"config": Student(model=str(model)), "prompt": prompt} | changes))


def sft(**changes: Any) -> SftSettings:
    known: dict[str, Any] = {
        "student": student("made/small"),
        "student_name": "small",
        "recipe": "direct/chatgpt",
        "lora": Lora(),
        "training": Training(),
    }
    return SftSettings(**(known | changes))


def responding(local: LocalStudent, decoding: Responding) -> RespondSettings:
    return RespondSettings(responder=StudentResponder(student=local, responding=decoding))


def compare(a: str, b: str) -> CompareSettings:
    """A comparison under the embedded judge."""
    return CompareSettings(a=a, b=b, judge=EmbeddedJudge(name="embedded"))


def planned(
    job: str,
    *depends_on: str,
    settings: Settings | None = None,
    name: str | None = None,
    slot: Slot = "cpu",
) -> PlannedJob:
    """A job of that id; it fits a judge unless `settings` say otherwise."""
    return PlannedJob(
        id=job,
        name=name or job,
        fingerprint=f"print of {job}",
        slot=slot,
        settings=settings or JudgeSettings(),
        inputs={"dialogues": ImportedDialogues("1")},
        depends_on=depends_on,
    )
