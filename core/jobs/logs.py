"""The log of a worker and of the processes that it starts: lines on the standard error."""

from __future__ import annotations

import logging

from core.config.redaction import without_secrets
from core.domain.text import visible


def begin() -> None:
    """Have this process log, without secrets and control characters."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Formatter(logging.Formatter):
    """Removes secrets and control characters from the log, including tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        # Providers' messages are in it, and people read it in terminals.
        return visible(without_secrets(super().format(record)), lines=True)
