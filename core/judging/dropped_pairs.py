"""The preference pairs that a judge's filter drops, as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.domain.data.recipes import DropReason
from core.jobs import files


class DroppedPair(msgspec.Struct, frozen=True):
    """A preference pair that DPO does not train on, a line of a filter's `dropped.jsonl`."""

    dialog_id: str
    """The dialogue that both responses answer."""
    reason: DropReason
    """Why it is dropped."""
    score: float | None
    """The judge's score of the chosen response, from 0 to 1; None without a valid verdict in each order."""
    chosen: str
    """The response that the recipe prefers."""
    rejected: str
    """The other response."""


def write(path: Path, dropped: Iterable[DroppedPair]) -> None:
    """Write one pair a line."""
    files.write_json_lines(path, dropped)


def read(path: Path) -> list[DroppedPair]:
    """The pairs that `write` wrote."""
    return list(files.read_json_lines(path, DroppedPair))
