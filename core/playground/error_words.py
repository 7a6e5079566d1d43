"""What the playground's processes report to their clients about errors."""

from __future__ import annotations

from core.config.redaction import without_secrets
from core.domain import troubles
from core.domain.errors import UserError

#: Characters of an unexpected error that clients get; the log has all of it.
_LONGEST = 300


def words_of(error: Exception) -> str | None:
    """What is reported to a client about an error; None for an unexpected one."""
    words = str(error) if isinstance(error, UserError) else troubles.trouble_in_words(error)
    return None if words is None else without_secrets(words)


def unexpected_words(error: Exception) -> str:
    """What is reported to a client about an unexpected error; the log has its traceback."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return without_secrets(f"unexpected: {what[:_LONGEST]} (see artifacts/playground/log.txt)")
