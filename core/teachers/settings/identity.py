"""The settings of a teacher that decide its answers."""

from __future__ import annotations

from pathlib import Path

from core.config.schema import Teacher
from core.jobs.settings import Identity
from core.students.models import model_sources
from core.teachers.settings import reasoning


def identity(teacher: Teacher) -> Identity:
    """The settings that are part of a request's key: if they are equal, an earlier answer is reused."""
    return Identity(
        provider=teacher.provider,
        # The version of Azure's API is how it is reached.
        base_url=None if teacher.base_url is None else teacher.base_url.partition("?")[0].rstrip("/"),
        model=teacher.model,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
        max_output_tokens=reasoning.max_output_tokens(teacher),
        extra_body=teacher.extra_body,
        top_logprobs=teacher.top_logprobs,
        reasoning_effort=teacher.reasoning_effort,
        thinking_budget=teacher.thinking_budget,
        weights_sha256=_weights(teacher),
    )


def _weights(teacher: Teacher) -> str | None:
    folder = Path(teacher.model)
    if teacher.provider != "local" or not folder.is_absolute() or not folder.is_dir():
        return None
    return model_sources.content_sha256(folder)


def samples(teacher: Teacher) -> bool:
    """Whether identical requests may get different answers, so that each has to be sent."""
    if teacher.provider == "local":
        return bool(teacher.temperature) and teacher.seed is None
    return teacher.temperature != 0 and teacher.seed is None
