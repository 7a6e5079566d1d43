"""Removing a folder while a process writes to it."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove_folder(folder: Path) -> None:
    """Remove `folder` and what comes into it meanwhile."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
