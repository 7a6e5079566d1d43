"""What a job reads, and the one way in which it is written down."""

from __future__ import annotations

from dataclasses import dataclass

_DATA = "data:"


@dataclass(frozen=True)
class ImportedDialogues:
    """All imported dialogues, by the SHA-256 of their file."""

    sha256: str


@dataclass(frozen=True)
class JobOutput:
    """A file or folder that another job publishes."""

    job: str
    """The id of that job."""
    name: str
    """The artifact's name there."""


Input = ImportedDialogues | JobOutput


def format_input(value: Input) -> str:
    """`data:<sha256>`, or `<job id>/<artifact>`."""
    match value:
        case ImportedDialogues(sha256):
            return _DATA + sha256
        case JobOutput(job, name):
            return f"{job}/{name}"


def parse_input(text: str) -> Input:
    """The input that `format_input` writes as `text`. Raises `ValueError` for any other text."""
    if text.startswith(_DATA) and len(text) > len(_DATA):
        return ImportedDialogues(text.removeprefix(_DATA))
    job, _, name = text.partition("/")
    if not job or not name or job.startswith(_DATA):
        raise ValueError(f"{text!r} is neither data:SHA256 nor JOB/ARTIFACT")
    return JobOutput(job, name)
