"""API keys of teachers, which come from environment variables only."""

from __future__ import annotations

import hashlib
import os

from core.config import redaction
from core.config.schema import Teacher
from core.domain.errors import UserError

#: The variables of the providers that are behind an API.
VARIABLES = {"openai": "OPENAI_API_KEY", "google": "GEMINI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}

#: Sent to servers that need no key, because the clients require one.
_NO_KEY = "none"


def variable(teacher: Teacher) -> str:
    """The environment variable of the key; empty for a local model."""
    return teacher.api_key_env or VARIABLES.get(teacher.provider, "")


def is_needed(teacher: Teacher) -> bool:
    """Whether the teacher requires a key. A server with a `base_url` may need none."""
    return teacher.provider != "local" and (teacher.base_url is None or teacher.api_key_env is not None)


def key(teacher: Teacher) -> str:
    """The key. Raises `UserError` that names the variable if it is required and not set, or is invalid."""
    found = os.environ.get(variable(teacher), "").strip()
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UserError(
            f"{variable(teacher)} is not a valid key: it contains characters other than printable ASCII"
        )
    if found:
        redaction.remember(found, variable(teacher))
        return found
    if is_needed(teacher):
        raise UserError(
            f"{teacher.model} needs the API key in {variable(teacher)}, which is not set: export it and "
            "retry. A supervisor started without it must end first (`empathy-tui doctor` shows its pid)"
        )
    return _NO_KEY


def digest(key: str) -> str:
    """The beginning of a key's SHA-256, which identifies the key without revealing it."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
