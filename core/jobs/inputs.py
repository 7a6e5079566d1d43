"""The inputs of a job, and their text format."""

from __future__ import annotations

from dataclasses import dataclass

_DATA = "data:"


@dataclass(frozen=True)
class ImportedDialogues:
    """All imported dialogues, by the SHA-256 of their file."""

    sha256: str


@dataclass(frozen=True)
class JobOutput:
    """A file or folder that another job writes."""

    job: str
    """The id of the other job."""
    name: str
    """The name of the artifact in the other job."""


Input = ImportedDialogues | JobOutput


def format_input(value: Input) -> str:
    """`data:<sha256>`, or `<job id>/<artifact>`."""
    match value:
        case ImportedDialogues(sha256):
            return _DATA + sha256
        case JobOutput(job, name):
            return f"{job}/{name}"


def parse_input(text: str) -> Input:
    """Parse the text of `format_input`. Raises `ValueError` for any other text."""
    if text.startswith(_DATA) and len(text) > len(_DATA):
        return ImportedDialogues(text.removeprefix(_DATA))
    job, _, name = text.partition("/")
    if not job or not name or job.startswith(_DATA):
        raise ValueError(f"{text!r} is neither data:SHA256 nor JOB/ARTIFACT")
    return JobOutput(job, name)
