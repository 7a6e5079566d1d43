"""A command of the command line that writes files, to be run beside the app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileCommand:
    """`arguments` follow the program's name and the workspace."""

    title: str
    arguments: tuple[str, ...]
    folder: Path
    """The folder that it writes to."""
    opens: Path
    """The file or folder that people look at afterwards."""
    printed_to: Path | None = None
    """The file that gets what the command prints; None for a command that writes its own."""
