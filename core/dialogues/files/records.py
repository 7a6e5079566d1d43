"""The JSON Lines file in which jobs read dialogues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from core.domain.data.dialogues import Dialogue
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
