"""The machines that the user's ssh configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from glob import glob
from pathlib import Path

#: ssh itself gives up on deeper files.
_DEEPEST = 16


def configured_hosts(config: Path | None = None) -> list[str]:
    """The names in the `Host` lines of ~/.ssh/config and of the files that it includes, without patterns."""
    home = Path.home() / ".ssh"
    return sorted(set(_hosts(config or home / "config", home, _DEEPEST)))


def _hosts(config: Path, home: Path, depth: int) -> Iterator[str]:
    lines: list[str] = []
    # Completion has no place for an error; ssh reports it.
    with suppress(OSError):
        lines = config.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        key, *values = line.replace("=", " ", 1).replace('"', " ").split() or [""]
        if key.lower() == "host":
            yield from (name for name in values if not set("*?!") & set(name))
        elif key.lower() == "include" and depth:
            for value in values:
                for found in sorted(glob(str(home / Path(value).expanduser()))):  # noqa: PTH207 - may be absolute
                    yield from _hosts(Path(found), home, depth - 1)
