"""A small disk that can be filled: a tmpfs where this user may mount one, else a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Disk:
    """A place for a workspace."""

    place: Path
    is_small: bool
    """Whether it is a file system of its own, which can be filled without harm to others."""

    @property
    def _filler(self) -> Path:
        return self.place / "filler"

    def fill(self) -> None:
        """Leave no byte of room."""
        with self._filler.open("wb", buffering=0) as file:
            size = _CHUNK
            while size:
                try:
                    if file.write(b"\0" * size) < size:
                        size //= 2
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Disk]:
    """A disk at `place` for as long as the block lasts."""
    place.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    is_small = mounted.returncode == 0
    try:
        yield Disk(place, is_small)
    finally:
        if is_small:
            subprocess.run(["umount", "-l", str(place)], check=True)
