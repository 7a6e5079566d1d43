"""Paths that were read from files: they must not lead out of the folder that they are about."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath


def file_name(name: str) -> str:
    """A name of a judge, a table or the like as part of a file's name.

    A state.db from somebody else may name them as it likes. The caller adds what `.` and `..` lack.
    """
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def is_inside(name: str) -> bool:
    """Whether a path, relative to a folder, names something in that folder, on any system.

    Links are not followed: whoever opens the path decides about them.
    """
    if not name or "\0" in name:
        return False
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root:
        return False
    return ".." not in windows.parts and bool(windows.parts)


def check_inside(name: str | None) -> None:
    """Raise `ValueError` for a path that `is_inside` refuses; None is no path."""
    if name is not None and not is_inside(name):
        raise ValueError(f"{name!r} is not a path inside its folder")
