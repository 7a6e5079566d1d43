"""What of a teacher decides its answers, apart from how it is reached."""

from __future__ import annotations

from core.config.schema import Teacher
from core.jobs.settings import Identity


def identity(teacher: Teacher) -> Identity:
    """The settings that make the same request the same."""
    return Identity(
        provider=teacher.provider,
        base_url=None if teacher.base_url is None else teacher.base_url.rstrip("/"),
        model=teacher.model,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
        max_output_tokens=teacher.max_output_tokens,
        extra_body=teacher.extra_body,
        top_logprobs=teacher.top_logprobs,
    )


def samples(teacher: Teacher) -> bool:
    """Whether two identical requests may get different answers, so that each must be sent."""
    if teacher.provider == "local":
        return bool(teacher.temperature) and teacher.seed is None
    return teacher.temperature != 0 and teacher.seed is None
