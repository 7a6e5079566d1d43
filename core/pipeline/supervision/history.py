"""What the store knows and no attempt's journal does, in `artifacts/history.jsonl`: imports, votes, settings,
requested jobs, notes about runs, deletions, and the ends of attempts that did not say so themselves.

With it, and the attempts' folders, state.db can be made again. A last line that a crash has cut, and lines
that are damaged, are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Annotated

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.data.dialogues import ImportedData
from core.domain.evaluation.votes import Vote
from core.domain.names import JobId
from core.domain.runs import RunNotes
from core.domain.states import JobState, Slot
from core.jobs import files
from core.jobs.inputs import parse_input
from core.jobs.settings import Settings


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tag names what happened, at `at` in Unix seconds."""

    at: float


class Imported(_Entry, frozen=True, kw_only=True, tag="imported"):
    """Data was imported."""

    data: ImportedData


class Voted(_Entry, frozen=True, kw_only=True, tag="voted"):
    """A vote was cast, or withdrawn."""

    vote: Vote
    is_withdrawn: bool


class SettingChanged(_Entry, frozen=True, kw_only=True, tag="setting"):
    """A setting of the workspace that is not in config.toml; None if it was removed."""

    key: str
    value: str | None


class Requested(_Entry, frozen=True, kw_only=True, tag="requested", omit_defaults=True):
    """A job was requested, or something other than an attempt has changed it: this is how it is since."""

    job: str
    """The job's id."""
    name: str
    fingerprint: str
    slot: Slot
    settings: Settings
    reads: dict[str, str]
    """Name of the input → what it is, as `core.jobs.inputs` writes it."""
    depends_on: tuple[str, ...]
    requested_at: float
    """When it was requested first, in Unix seconds."""
    attempt: Annotated[int, msgspec.Meta(ge=0)]
    """The number of its newest attempt; 0 before the first. A later attempt knows more than this entry."""
    state: JobState
    error: str | None
    redone_after: Annotated[int, msgspec.Meta(ge=0)]
    """Attempts up to this number belong to a result that is made again."""
    sends_requests: bool
    engine: str | None
    """The engine that was requested for it; None for that of its slot."""
    ignores_rungs: bool
    cancel_at: float | None = None
    """When its newest attempt was cancelled, in Unix seconds; None if it was not."""

    def __post_init__(self) -> None:
        if str(JobId.of(self.settings.stage, self.fingerprint)) != self.job:
            raise ValueError(f"{self.job} is not the id of a job with these settings")
        for text in self.reads.values():
            parse_input(text)


class RunNoted(_Entry, frozen=True, kw_only=True, tag="run noted"):
    """Something was noted about a run: this is all that is noted now."""

    job: str
    notes: RunNotes


class JobsDeleted(_Entry, frozen=True, kw_only=True, tag="jobs deleted"):
    """Jobs were deleted; what is noted earlier of their ids is not of later jobs with them."""

    jobs: tuple[str, ...]


class AttemptEnded(_Entry, frozen=True, kw_only=True, tag="ended"):
    """An attempt ended, and its journal does not say how; `job_state` is what became of its job."""

    job: str
    number: int
    state: str
    error: str | None
    job_state: str


HistoryEntry = Imported | Voted | SettingChanged | Requested | RunNoted | JobsDeleted | AttemptEnded

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(HistoryEntry).decode


def append(workspace: WorkspacePaths, *entries: HistoryEntry) -> None:
    """Write entries; they are on disk when this returns. Raises `OSError`."""
    if not entries:
        return
    path = workspace.history
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    # A line that a crash has cut must not spoil the next one.
    cut = b"" if is_new or _ends_whole(workspace) else b"\n"
    with path.open("ab") as file:
        file.write(cut + b"".join(_encode(entry) + b"\n" for entry in entries))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        files.sync_folder(path.parent)


def note_end(
    workspace: WorkspacePaths, job: str, number: int, *, state: str, error: str, job_state: str
) -> None:
    """Write an end of which the attempt's journal knows nothing; call it before the end is committed."""
    end = AttemptEnded(
        at=time.time(),
        job=job,
        number=number,
        state=state,
        error=error,
        job_state=job_state,
    )
    append(workspace, end)


def settings(changes: dict[str, str | None]) -> tuple[SettingChanged, ...]:
    """The entries for settings that have changed now."""
    return tuple(SettingChanged(at=time.time(), key=key, value=value) for key, value in changes.items())


def read(workspace: WorkspacePaths) -> Iterator[HistoryEntry | None]:
    """All entries, oldest first; None for each line that is none."""
    try:
        file = workspace.history.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                yield _decode(line)
            except files.DAMAGED:
                yield None


def _ends_whole(workspace: WorkspacePaths) -> bool:
    with workspace.history.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) in (b"", b"\n")
