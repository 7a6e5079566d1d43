"""Paths: those read from files must not lead out of their folder, and a file must be one."""

from __future__ import annotations

import errno
import re
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath


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


def not_a_file(path: Path) -> str | None:
    """What `path` is instead of a file, in words; None for a file, and if nothing is there.

    Whoever opens a pipe waits until somebody writes to it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "is a link that leads back to itself" if error.errno == errno.ELOOP else None
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    return f"is a {kinds.get(stat.S_IFMT(mode), 'device')}, not a file"


def stamp(path: Path) -> tuple[int, ...] | None:
    """A value that changes with a file, and with who may read it; None if nothing is there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        # A link that leads back to itself is there, and cannot be read.
        status = path.lstat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size
