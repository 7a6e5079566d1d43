"""The JSON Lines file in which jobs read dialogues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError
from core.jobs import files


def write(path: Path, dialogues: Iterable[Dialogue]) -> None:
    """Write one dialogue per line. The output is deterministic."""
    encoder = msgspec.json.Encoder(order="deterministic")
    with files.replacing(path) as file:
        for dialogue in dialogues:
            file.write(encoder.encode(dialogue) + b"\n")


def read(path: Path) -> Iterator[Dialogue]:
    """The dialogues in a file written by `write`, in order."""
    decoder = msgspec.json.Decoder(Dialogue)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)


def read_test_split(path: Path) -> list[Dialogue]:
    """The test dialogues in such a file. Raises `UserError` if there is none."""
    found = [dialogue for dialogue in read(path) if dialogue.split == "test"]
    if not found:
        raise UserError(
            "the data has no test dialogue: data.split in config.toml says how data is split when it is "
            "imported"
        )
    return found
