"""What a person can do about a teacher's or judge's errors, in words that name the setting."""

from __future__ import annotations

from core.config.schema import Teacher
from core.teachers.protocol import RejectedError
from core.teachers.settings import api_keys, reasoning


def of_rejection(error: RejectedError, teacher: Teacher) -> str:
    """The provider's words, and what has to be changed."""
    match error.remedy:
        case "key":
            return f"{error}: check the API key in {api_keys.variable(teacher)}, then retry"
        case "credit":
            return (
                f"{error}: add credit at the provider, or wait until its quota renews, then retry; all "
                "answers are kept"
            )
        case "url":
            return f"{error}: correct base_url in config.toml, then retry"
        case _:
            return str(error)


def of_cut_answers(teacher: Teacher, cut: int, requests: int, reasoned: int = 0) -> str:
    """What to change if most answers that cannot be used were cut at the token limit; else empty.

    `requests` are all those without a usable answer, `reasoned` those of which reasoning used up the limit.
    """
    if not cut or 2 * cut < requests:
        return ""
    found = f". {cut} were cut at max_output_tokens = {reasoning.max_output_tokens(teacher)}"
    if reasoned:
        return (
            f"{found}, {reasoned} of them because reasoning used it up: the limit is for reasoning and "
            "answer together. Raise it in config.toml, or shorten the reasoning with reasoning_effort or "
            "thinking_budget"
        )
    return (
        f"{found}: raise it in config.toml. A model that reasons needs room for its reasoning too, which "
        "reasoning_effort or thinking_budget can shorten"
    )
