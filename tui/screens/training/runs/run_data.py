"""What the training screen reads of runs: superseded ones, notes, and the results of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import Job, Run, RunNotes, Workspace


@dataclass(frozen=True)
class OtherRuns:
    """The superseded runs, under the names of their versions, and what is noted about all runs."""

    jobs: tuple[Job, ...] = ()
    archived: int = 0
    """How many of them are archived and left out."""
    notes: Mapping[str, RunNotes] | None = None


@dataclass(frozen=True)
class AllRuns:
    """All runs with their results, and the disk space of those that are known, by job."""

    runs: tuple[Run, ...] = ()
    sizes: Mapping[str, int] | None = None


def other_runs(archived: bool, workspace: Workspace) -> OtherRuns:
    """The superseded runs; `archived`: also those that are archived."""
    found = tuple(job for job in workspace.runs.jobs(archived=archived) if not job.in_config)
    hidden = 0 if archived else workspace.runs.archived()
    return OtherRuns(found, hidden, workspace.runs.notes())


def all_runs(archived: bool, sizes: bool, workspace: Workspace) -> AllRuns:
    """All runs; `sizes`: with their disk space, which takes a look at every file."""
    found = workspace.runs.runs(archived=archived)
    return AllRuns(found, workspace.runs.disk_bytes(run.job for run in found) if sizes else None)
