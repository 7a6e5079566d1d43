"""What an attempt's spec says that its job reads, also one of an older version, which names files alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.jobs import journal
from core.jobs.inputs import ImportedDialogues, Input, JobOutput, parse_input
from core.jobs.journal import DamagedJournalError
from core.jobs.records import Artifact
from core.jobs.settings import Settings
from core.jobs.spec import Spec


def inputs(spec: Spec[Settings], workspace: WorkspacePaths) -> dict[str, Input]:
    """What a job reads: as its spec says, or, of an older version, from the paths in it."""
    if spec.reads:
        return {name: parse_input(text) for name, text in spec.reads.items()}
    found = {name: _input_at(Path(path), workspace) for name, path in spec.inputs.items()}
    return {name: read for name, read in found.items() if read is not None}


def _input_at(path: Path, workspace: WorkspacePaths) -> Input | None:
    # The workspace may have been moved since: what counts is how the path ends.
    parts = path.parts
    if "artifacts" not in parts:
        return None
    inside = parts[len(parts) - parts[::-1].index("artifacts") :]
    match inside:
        case ("data", sha256, _):
            return ImportedDialogues(sha256)
        case ("jobs", job, number, *rest):
            folder = workspace.artifacts / "jobs" / job / number
            with suppress(DamagedJournalError, OSError):
                for entry, _ in journal.read(folder):
                    if isinstance(entry.record, Artifact) and entry.record.path == "/".join(rest):
                        return JobOutput(job, entry.record.name)
    return None


def producers(spec: Spec[Settings], workspace: WorkspacePaths) -> tuple[str, ...]:
    """The jobs whose outputs a job reads."""
    read = inputs(spec, workspace).values()
    return tuple(dict.fromkeys(one.job for one in read if isinstance(one, JobOutput)))
