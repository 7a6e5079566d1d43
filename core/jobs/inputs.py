"""The inputs of a job, and their text format."""

from __future__ import annotations

from dataclasses import dataclass

_DATA = "data:"
_RESULT = "result:"


@dataclass(frozen=True)
class ImportedDialogues:
    """All imported dialogues."""

    sha256: str
    """The SHA-256 of their file."""


@dataclass(frozen=True)
class JobOutput:
    """A file or folder that another job writes."""

    job: str
    """The id of the other job."""
    name: str
    """The name of the artifact in the other job."""


@dataclass(frozen=True)
class JobResult:
    """The result of another job, in its journal; there is no such input if that job has none."""

    job: str
    """The id of the other job."""


Input = ImportedDialogues | JobOutput | JobResult


def format_input(value: Input) -> str:
    """`data:<sha256>`, `result:<job id>`, or `<job id>/<artifact>`."""
    match value:
        case ImportedDialogues(sha256):
            return _DATA + sha256
        case JobResult(job):
            return _RESULT + job
        case JobOutput(job, name):
            return f"{job}/{name}"


def parse_input(text: str) -> Input:
    """Parse the text of `format_input`. Raises `ValueError` for any other text."""
    if text.startswith(_DATA) and len(text) > len(_DATA):
        return ImportedDialogues(text.removeprefix(_DATA))
    if text.startswith(_RESULT) and len(text) > len(_RESULT):
        return JobResult(text.removeprefix(_RESULT))
    job, _, name = text.partition("/")
    if not job or not name or job.startswith((_DATA, _RESULT)):
        raise ValueError(f"{text!r} is neither data:SHA256, result:JOB nor JOB/ARTIFACT")
    return JobOutput(job, name)
