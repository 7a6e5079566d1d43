"""Made attempts at jobs, on disk as the supervisor prepares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from core.dialogues import records
from core.domain.dialogues import Dialogue
from core.jobs import journal
from core.jobs.context import (
    Job,
    Spec,
    read_spec,
    write_spec,
)
from core.jobs.journal import Journal, Record

R = TypeVar("R", bound=Record)


def attempt(
    folder: Path,
    stage: str,
    dialogues: Sequence[Dialogue],
    settings: dict[str, Any],
    inputs: Mapping[str, Path] | None = None,
    prior: Sequence[Path] = (),
) -> Path:
    """The folder of an attempt with its spec.json and its dialogues."""
    folder.mkdir(parents=True)
    records.write(folder / "dialogues.jsonl", dialogues)
    paths = {"dialogues": folder / "dialogues.jsonl", **(inputs or {})}
    named = {name: str(path) for name, path in paths.items()}
    write_spec(folder, Spec("job", stage, "made", 1, "f", settings, named, [str(p) for p in prior], 1))
    return folder


def run(folder: Path, do: Callable[[Job], dict[str, Any]]) -> dict[str, Any]:
    """Do an attempt in this process; its result."""
    made = Job(folder, read_spec(folder), Journal(folder))
    try:
        return do(made)
    finally:
        made.journal.close()


def found(folder: Path, kind: type[R]) -> list[R]:
    """The records of one kind in an attempt's journal."""
    return [entry.record for entry, _ in journal.read(folder) if isinstance(entry.record, kind)]


def responses(path: Path, texts: Mapping[str, str]) -> Path:
    """A responses.jsonl of these texts by dialogue."""
    lines = [json.dumps({"dialog_id": i, "text": text, "finish": "stop"}) for i, text in texts.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
