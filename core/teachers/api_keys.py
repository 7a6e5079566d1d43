"""Where the keys of teachers come from: the environment alone."""

from __future__ import annotations

import hashlib
import os

from core.config.schema import Teacher
from core.domain.errors import UserError

_VARIABLES = {"openai": "OPENAI_API_KEY", "google": "GEMINI_API_KEY"}

#: What is sent to a server that wants no key: the clients insist on one.
_NONE = "none"


def variable(teacher: Teacher) -> str:
    """The environment variable that holds the key; empty for a local model."""
    return teacher.api_key_env or _VARIABLES.get(teacher.provider, "")


def is_needed(teacher: Teacher) -> bool:
    """Whether the teacher cannot be asked without a key: a server of one's own may want none."""
    return teacher.provider != "local" and (teacher.base_url is None or teacher.api_key_env is not None)


def key(teacher: Teacher) -> str:
    """The key. Raises `UserError` naming the variable when it is needed and not set, or is no key."""
    found = os.environ.get(variable(teacher), "").strip()
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UserError(
            f"what {variable(teacher)} holds cannot be a key: it has other characters than a key has"
        )
    if found:
        return found
    if is_needed(teacher):
        raise UserError(
            f"{teacher.model} is asked with the key in {variable(teacher)}, which is not set: export it and "
            "retry; a supervisor that was started without it must end first (`empathy-tui doctor` tells "
            "its pid)"
        )
    return _NONE


def digest(key: str) -> str:
    """What tells one key from another and gives none of it away: the beginning of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
