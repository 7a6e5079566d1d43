"""The files of a folder, to tell whether anything has changed."""

from __future__ import annotations

from pathlib import Path


def contents(root: Path) -> dict[str, bytes | None]:
    """Path → content of everything in the folder; None for a folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
    }
