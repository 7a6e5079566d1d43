"""The history of the playground: a file of turns with their answers, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock

from core.config.workspace import WorkspacePaths
from core.jobs import files
from core.playground.records import PlaygroundTurn

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(PlaygroundTurn)


@dataclass(frozen=True)
class PlaygroundHistory:
    """The turns of a workspace's playground."""

    turns: tuple[PlaygroundTurn, ...]
    """Oldest first."""
    unreadable: int
    """Lines of the file that are no turns; they stay in it."""


def path(workspace: WorkspacePaths) -> Path:
    """The file of the history."""
    return workspace.playground / "history.jsonl"


def append(workspace: WorkspacePaths, turn: PlaygroundTurn) -> None:
    """Add a turn; it is on disk when this returns. Raises `OSError`."""
    file = path(workspace)
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(file.with_suffix(".lock"), poll_interval=0.01, fallback_to_soft=False),
        file.open("a+b") as out,
    ):
        # A line that a crash has cut must not swallow this one.
        out.write((b"" if _ends_with_a_line(file) else b"\n") + _encoder.encode(turn) + b"\n")
        out.flush()
        files.sync_folder(file)


def read(workspace: WorkspacePaths) -> PlaygroundHistory:
    """All turns. Raises `OSError` if the file is there and cannot be read."""
    turns: list[PlaygroundTurn] = []
    unreadable = 0
    try:
        lines = path(workspace).read_bytes().splitlines()
    except FileNotFoundError:
        return PlaygroundHistory((), 0)
    for line in lines:
        try:
            turns.append(_decoder.decode(line))
        except files.DAMAGED:
            unreadable += bool(line.strip())
    return PlaygroundHistory(tuple(turns), unreadable)


def export(turns: Iterable[PlaygroundTurn], file: Path) -> None:
    """Write turns to a file of one's own. Raises `OSError`."""
    files.write_json_lines(file, turns)


def _ends_with_a_line(file: Path) -> bool:
    with file.open("rb") as read:
        end = read.seek(0, 2)
        if not end:
            return True
        read.seek(end - 1)
        return read.read() == b"\n"
