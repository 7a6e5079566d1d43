"""Copies of a student with some of its files changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any


def altered(student: Path, folder: Path, file: str = "config.json", **changes: Any) -> Path:
    """A copy of `student` in `folder`, with these keys of one of its JSON files changed."""
    shutil.copytree(student, folder)
    path = folder / file
    known = json.loads(path.read_bytes()) if path.exists() else {}
    path.write_text(json.dumps(known | changes))
    return folder
