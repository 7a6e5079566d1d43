"""The journal of a job's attempt: an append-only file of records, one JSON object a line.

A line is `{"seq": n, "at": unix seconds, "record": {"type": …}}`, with `seq` counting from 1.
A last line without its newline is torn by a crash and does not count.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.jobs import files

NAME = "journal.jsonl"

#: What JSON has no number for, in the words that other programs write for it.
NotFinite = Literal["NaN", "Infinity", "-Infinity"]
Winner = Literal["a", "b", "tie", "invalid"]
Order = Literal["ab", "ba"]
Outcome = Literal[
    "ok",
    "refused",
    "filtered",
    "empty",
    "cut",
    "long",
    "invalid",
    "rejected",
    "error",
    "expired",
    "missing",
]


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The worker process is up."""

    pid: int
    host: str


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """`done` of `total` units (steps, dialogues, verdicts), and the seconds that the rest may take."""

    done: int
    total: int
    eta_s: float | None = None


class Metric(msgspec.Struct, frozen=True, tag="metric"):
    """The logged figures of one optimiser step, under TRL's names: those that are finite, and of the others
    which they are."""

    step: int
    values: dict[str, float]
    not_finite: dict[str, NotFinite] = {}

    def __post_init__(self) -> None:
        # JSON has no number for them, and the line could not be read again.
        if not all(math.isfinite(value) for value in self.values.values()):
            raise ValueError(f"step {self.step} has a figure that is not finite: {self.values}")


class Sample(msgspec.Struct, frozen=True, tag="sample"):
    """What the student answers to a test dialogue after `step` optimiser steps."""

    step: int
    dialog_id: str
    text: str


class Response(msgspec.Struct, frozen=True, tag="response"):
    """A responder's answer; `finish` is `length` when the limit of new tokens cut it."""

    dialog_id: str
    text: str
    finish: Literal["stop", "length"]


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """A judge's answer on one dialogue, shown in one order; `raw` is its text or scores.

    `number` counts the times that the judge was asked the same. `probability_b` is how likely it
    found b to be the better one, by the log-probabilities of its answer; None where they are not known.
    """

    dialog_id: str
    order: Order
    winner: Winner
    raw: str
    number: int = 1
    probability_b: float | None = None


#: How a batch stands, under OpenAI's names, with the steps before it has an id at the provider
#: (`queued`: the provider takes no more for now). A session of live calls is `in_progress`, then
#: `completed`.
BatchState = Literal[
    "intended",
    "uploaded",
    "creating",
    "queued",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]


class Submission(msgspec.Struct, frozen=True, tag="submission"):
    """The intent to send requests to a teacher, on disk before any of them leaves.

    `token` names it for ever; `requests` maps each request's key to its dialogue. `key_digest` is the
    beginning of the API key's SHA-256. `usd` is what it will cost by estimate, None where the price is
    not known. `path`, relative to the workspace, is the input file of a batch.
    """

    token: str
    mode: Literal["batch", "live", "local"]
    provider: str
    base_url: str
    key_digest: str
    model: str
    requests: dict[str, str]
    usd: float | None
    path: str | None = None


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """A submission's state, at each change; `collected` once nothing more will come of it.

    `id` is the provider's name of the batch, `file` that of its input file. Paths are relative to
    the workspace. `key_digest` is that of the account it is asked after with.
    """

    token: str
    state: BatchState
    id: str | None = None
    file: str | None = None
    completed: int | None = None
    failed: int | None = None
    total: int | None = None
    expires_at: float | None = None
    output_path: str | None = None
    error_path: str | None = None
    errors: tuple[str, ...] = ()
    key_digest: str | None = None
    collected: bool = False


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """What became of one sending of a request: the `number`th of its key within its submission.

    `outcome` is `ok`, or why the answer cannot be used (`refused`, `filtered`, `empty`, `cut`,
    `long`, `invalid` for a judge's that names no response), or why there is none (`rejected` for good,
    `error`, `expired`, `missing`, with the provider's words in `error`). `usd` is None where the price
    or the usage is not known. `logprobs` are those of the likeliest first tokens, where they were asked
    for and told.
    """

    token: str
    key: str
    number: int
    dialog_id: str
    outcome: Outcome
    text: str
    error: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None
    logprobs: dict[str, float] | None = None


class Artifact(msgspec.Struct, frozen=True, tag="artifact"):
    """A finished output: a file or folder at `path`, relative to the attempt's folder."""

    name: str
    path: str
    sha256: str
    bytes: int


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The job is finished."""

    result: dict[str, Any]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The job cannot be finished; `error` is for the user, the traceback is in log.txt."""

    error: str


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """The job was cancelled and has stopped at a safe point."""


Record = (
    Started
    | Progress
    | Metric
    | Sample
    | Response
    | Verdict
    | Submission
    | Batch
    | Answer
    | Artifact
    | Done
    | Failed
    | Stopped
)
#: Records whose loss would cost money or hours: on disk before `write` returns.
DURABLE = (Response, Verdict, Submission, Batch, Answer, Artifact, Done, Failed, Stopped)


class Entry(msgspec.Struct, frozen=True):
    """One line of a journal."""

    seq: int
    at: float
    record: Record


def metric(step: int, figures: Mapping[str, float]) -> Metric:
    """The record of a step's figures, whatever they are."""
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    return Metric(step, finite, {name: _word(figures[name]) for name in figures if name not in finite})


def _word(value: float) -> NotFinite:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Journal:
    """The writing end; one per attempt, in the worker. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / NAME).open("ab", buffering=0)
        files.sync_folder(folder)
        self._seq = 0
        self._lock = threading.Lock()

    def write(self, *records: Record) -> None:
        """Append `records`; those that are durable are on disk when this returns.

        Raises `OSError` when the disk is full; the journal then ends with a whole line.
        """
        lines = bytearray()
        with self._lock:
            for record in records:
                self._seq += 1
                lines += _encoder.encode(Entry(self._seq, time.time(), record)) + b"\n"
            written = self._file.write(lines) or 0
            if written < len(lines):
                whole = lines.rfind(b"\n", 0, written) + 1
                end = os.fstat(self._file.fileno()).st_size
                os.ftruncate(self._file.fileno(), end - (written - whole))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            if any(isinstance(record, DURABLE) for record in records):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read(folder: Path, offset: int = 0) -> Iterator[tuple[Entry, int]]:
    """Entries of an attempt's journal from byte `offset`, each with the offset behind it.

    A journal that does not exist yet has no entries. Raises `msgspec.DecodeError` when a whole
    line is not an entry.
    """
    try:
        file = (folder / NAME).open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                yield _decoder.decode(line), offset
            except UnicodeDecodeError as error:
                raise msgspec.DecodeError(str(error)) from error
