"""The log of a process, such as a worker: lines on the standard error, which is a file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from core.config.redaction import without_secrets
from core.domain.text import visible


def begin() -> None:
    """Have this process log, without secrets and control characters."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def tail(path: Path, size: int = 2000) -> str:
    """The last `size` bytes of a log, as text."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read().decode("utf-8", errors="replace").strip()


class _Formatter(logging.Formatter):
    """Removes secrets and control characters from the log, including tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        # Providers' messages are in it, and people read it in terminals.
        return visible(without_secrets(super().format(record)), lines=True)
