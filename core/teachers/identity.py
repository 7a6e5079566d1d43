"""What of a teacher decides its answers, apart from how it is reached."""

from __future__ import annotations

from typing import Any

from core.config.schema import Teacher


def identity(teacher: Teacher) -> dict[str, Any]:
    """The settings that make the same request the same: a changed one asks, and pays, anew.

    `base_url` is among them: two servers may call different models by the same name.
    """
    # Left out where it is not asked for: an answer without it serves then.
    told = {} if teacher.top_logprobs is None else {"top_logprobs": teacher.top_logprobs}
    return {
        "provider": teacher.provider,
        "base_url": None if teacher.base_url is None else teacher.base_url.rstrip("/"),
        "model": teacher.model,
        "temperature": teacher.temperature,
        "top_p": teacher.top_p,
        "seed": teacher.seed,
        "max_output_tokens": teacher.max_output_tokens,
        "extra_body": teacher.extra_body,
        **told,
    }


def samples(teacher: Teacher) -> bool:
    """Whether two identical requests may get different answers, so that each must be sent."""
    if teacher.provider == "local":
        return bool(teacher.temperature) and teacher.seed is None
    return teacher.temperature != 0 and teacher.seed is None
