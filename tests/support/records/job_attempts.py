"""Attempts at jobs, on disk as the supervisor prepares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from core.dialogues.files import records
from core.domain.data.dialogues import Dialogue
from core.domain.jobs.results import Result
from core.jobs import journal, spec
from core.jobs.context import LOG, JobContext
from core.jobs.journal import Journal
from core.jobs.records import Record
from core.jobs.settings import Settings
from core.jobs.spec import Spec
from core.pipeline.workers import worker
from tests.support.processes.forking import ForkedProcess, run_to_end

R = TypeVar("R", bound=Record)
Made = TypeVar("Made", bound=Result)


def attempt(
    folder: Path,
    dialogues: Sequence[Dialogue],
    settings: Settings,
    inputs: Mapping[str, Path] | None = None,
    prior: Sequence[Path] = (),
    job: str = "job",
    sends_requests: bool = True,
    cache: Path | None = None,
) -> Path:
    """The folder of an attempt with its spec.json and its dialogues; `job` is the job's id."""
    folder.mkdir(parents=True)
    records.write(folder / "dialogues.jsonl", dialogues)
    paths = {"dialogues": folder / "dialogues.jsonl", **(inputs or {})}
    made = Spec(
        job=job,
        name="made",
        attempt=1,
        fingerprint="f",
        settings=settings,
        inputs={name: str(path) for name, path in paths.items()},
        prior=tuple(map(str, prior)),
        threads=1,
        cache=None if cache is None else str(cache),
        sends_requests=sends_requests,
    )
    spec.write(folder, made)
    return folder


def context(folder: Path) -> JobContext[Any]:
    """An attempt as the worker hands it to the module that does it."""
    return JobContext(folder, spec.read(folder), Journal(folder))


def run(folder: Path, do: Callable[[JobContext[Any]], Made]) -> Made:
    """Do an attempt in this process; its result."""
    made = context(folder)
    try:
        return do(made)
    finally:
        made.journal.close()


def run_worker(folder: Path) -> None:
    """Do an attempt in a worker process of its own; what its stage loads should be preloaded."""
    run_to_end(ForkedProcess(worker.main, folder, out=folder / LOG))


def found(folder: Path, kind: type[R]) -> list[R]:
    """The records of one kind in an attempt's journal."""
    return [entry.record for entry, _ in journal.read(folder) if isinstance(entry.record, kind)]


def responses(path: Path, texts: Mapping[str, str]) -> Path:
    """A responses.jsonl of these texts by dialogue."""
    lines = [json.dumps({"dialog_id": i, "text": text, "finish": "stop"}) for i, text in texts.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
