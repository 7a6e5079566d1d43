"""The folders of all attempts that can be read, and when their work began and ended."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.jobs import journal
from core.jobs import spec as specs
from core.jobs.journal import DamagedJournalError
from core.jobs.settings import Settings
from core.jobs.spec import Spec

#: The number, folder and spec of each attempt at a job, oldest first.
Attempts = list[tuple[int, Path, Spec[Settings]]]


def attempt_folders(workspace: WorkspacePaths, problems: list[str]) -> dict[str, Attempts]:
    """Job → its attempts that can be read, oldest first; the jobs in the order of their first attempts.

    One without a spec, in its journal either, has that of another attempt at its job, which says the same.
    """
    found: dict[str, Attempts] = {}
    unread: list[tuple[str, Path, Exception]] = []
    for job_folder in sorted((workspace.artifacts / "jobs").glob("*/")):
        for folder in job_folder.iterdir():
            if not folder.name.isdecimal() or not folder.is_dir():
                continue
            try:
                spec = specs.recover(folder)
            except (UserError, OSError) as error:
                if isinstance(error.__cause__, PermissionError):
                    # It may be whole: without it, its work would be done, and paid, again.
                    raise error.__cause__ from None
                unread.append((job_folder.name, folder, error))
                continue
            if (spec.job, spec.attempt) != (job_folder.name, int(folder.name)):
                problems.append(f"left out, because it was copied from elsewhere: {folder}")
                continue
            found.setdefault(spec.job, []).append((spec.attempt, folder, spec))
    for job, folder, reason in unread:
        if job in found and _has_records(folder):
            spec = msgspec.structs.replace(found[job][0][2], attempt=int(folder.name))
            found[job].append((spec.attempt, folder, spec))
        else:
            problems.append(f"left out, because its spec.json cannot be read: {reason}")
    for attempts in found.values():
        attempts.sort(key=lambda attempt: attempt[0])
    return dict(sorted(found.items(), key=lambda item: (first_record_at(item[1][0][1]), item[0])))


def _has_records(folder: Path) -> bool:
    with suppress(DamagedJournalError, OSError):
        return next(journal.read(folder), None) is not None
    return False


def first_record_at(folder: Path) -> float:
    """When the first record of a journal was written; when the attempt got its spec if it has none."""
    with suppress(DamagedJournalError, OSError):
        for entry, _ in journal.read(folder):
            return entry.at
    return (folder / specs.NAME).stat().st_mtime


def last_record_at(folder: Path) -> float:
    """When the last record of a journal was written; its start if it has none."""
    found = 0.0
    with suppress(DamagedJournalError, OSError):
        for entry, _ in journal.read(folder):
            found = entry.at
    return found or first_record_at(folder)
