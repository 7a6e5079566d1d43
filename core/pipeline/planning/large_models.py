"""The settings of large models: as jobs have them that send requests, and the playground too."""

from __future__ import annotations

from collections.abc import Callable

from core.config.problems import InvalidOptionError
from core.config.schema import Config, Teacher
from core.jobs.settings import ClientSettings, LargeModel, LlmJudge, Placement, TeacherResponder
from core.teachers.settings.identity import identity


def teacher_of(config: Config, recipe: str) -> Teacher:
    """The teacher of a recipe that needs one. Raises `InvalidOptionError` if none is defined, or chosen."""
    teachers, chosen = config.teachers, config.recipes.teacher
    if chosen is not None:
        return teachers[chosen]
    if len(teachers) == 1:
        return next(iter(teachers.values()))
    if not teachers:
        raise InvalidOptionError(
            "recipes.train",
            f"the recipe {recipe} needs a teacher, but none is defined: add [teachers.NAME]",
            recipe,
        )
    raise InvalidOptionError("recipes.teacher", f"choose the teacher of {recipe}: {', '.join(teachers)}")


def large_model(config: Config, teacher: Teacher) -> LargeModel:
    """The settings of a teacher, or a judge, for a job that sends requests to it."""
    client = ClientSettings(
        # Of a judge, the fields that teachers have as well.
        teacher=Teacher(**{name: getattr(teacher, name) for name in Teacher.__struct_fields__}),
        price=config.prices.models.get(teacher.model),
        budget_usd=config.spending.budget_usd,
    )
    runs = config.runs
    placement = Placement(device=runs.device, dtype=runs.dtype) if teacher.provider == "local" else None
    return LargeModel(identity=identity(client.teacher), placement=placement, client=client)


def teacher_responder(config: Config, prompt: Callable[[str], str], name: str) -> TeacherResponder:
    """A teacher that answers the prompt that every responder gets."""
    return TeacherResponder(prompt=prompt("student"), model=large_model(config, config.teachers[name]))


def llm_judge(config: Config, prompt: Callable[[str], str], name: str) -> LlmJudge:
    """The LLM judge of that name."""
    judge = config.judges[name]
    return LlmJudge(
        name=name,
        swap=judge.swap,
        repeats=judge.repeats,
        prompt=prompt("judge_dimensions" if judge.dimensions else "judge"),
        model=large_model(config, judge),
        dimensions=judge.dimensions,
        structured_output=judge.structured_output,
    )
