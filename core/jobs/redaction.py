"""Text without the secrets of this process's environment."""

from __future__ import annotations

import os

_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def without_secrets(text: str) -> str:
    """The text without the values of environment variables that look like secrets."""
    secrets = [
        (value, name)
        for name, value in os.environ.items()
        if len(value) >= 8 and any(part in name.upper() for part in _SECRET_NAMES)
    ]
    # The longest first: one may be a prefix of another.
    for value, name in sorted(secrets, key=lambda secret: len(secret[0]), reverse=True):
        text = text.replace(value, f"[{name}]")
    return text
