"""The JSON Lines file in which jobs read dialogues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.jobs import files


def write(path: Path, dialogues: Iterable[Dialogue]) -> None:
    """Write one dialogue per line. The output is deterministic."""
    files.write_json_lines(path, dialogues)


def read(path: Path) -> Iterator[Dialogue]:
    """The dialogues in a file written by `write`, in order."""
    return files.read_json_lines(path, Dialogue)


def read_test_split(path: Path) -> list[Dialogue]:
    """The test dialogues in such a file. Raises `UserError` if there is none."""
    found = [dialogue for dialogue in read(path) if dialogue.split == "test"]
    if not found:
        raise UserError(
            "the data has no test dialogue: data.split in config.toml says how data is split when it is "
            "imported"
        )
    return found
