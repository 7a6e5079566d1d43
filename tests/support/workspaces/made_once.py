"""Folders that are made once in a process, and copied whenever they are needed again."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Hashable
from pathlib import Path

_made: dict[tuple[Hashable, ...], Path] = {}


def put(root: Path, make: Callable[[Path], object], *variant: Hashable) -> None:
    """Have in `root` what `make`, which the `variant` distinguishes from others, writes into a folder."""
    key = (make.__module__, make.__qualname__, *variant)
    if key not in _made:
        place = Path(tempfile.mkdtemp(prefix="made-once-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        make(place / root.name)
        _made[key] = place / root.name
    shutil.copytree(_made[key], root, dirs_exist_ok=True)
