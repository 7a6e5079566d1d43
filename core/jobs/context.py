"""The context of a job: its settings, files and journal, as the worker passes them to the job's module.

Such a module (see `core.jobs.stages`) has a function `run(job: JobContext[...]) -> ...Result`. It raises
`UserError` for errors that the user can fix, and `Cancelled`, through `job.check()`, when it must stop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from core.config.redaction import without_secrets
from core.domain.errors import Cancelled
from core.jobs import files, journal, locks
from core.jobs.journal import DamagedJournalError, Journal
from core.jobs.records import Artifact, Record, Warned
from core.jobs.spec import S, Spec
from core.jobs.stop_request import StopRequest

T = TypeVar("T", bound=Record)

#: A worker's standard output and error, in its attempt's folder.
LOG = "log.txt"
#: The worker holds an exclusive lock on this file in its attempt's folder while it runs.
LOCK = "worker.lock"
#: This file in an attempt's folder means that the user cancelled the job.
CANCEL = "cancelled"
#: This file in an attempt's folder means that nothing that its worker still does is read: it must end.
FENCE = "fenced"
#: This file is touched when the user wants a waiting job to poll its batches now.
REFRESH = "refresh"

#: Seconds between two checks for a cancel or poll request while a job waits.
_LOOK_S = 0.2

log = logging.getLogger(__name__)


class JobContext(Generic[S]):
    """One attempt at one job, as seen by the module that runs it; `S` is the type of its settings."""

    def __init__(self, folder: Path, spec: Spec[S], journal: Journal) -> None:
        self.folder = folder
        self.spec = spec
        self.journal = journal
        self.stop = StopRequest()

    @property
    def settings(self) -> S:
        return self.spec.settings

    def input(self, name: str) -> Path:
        """The path of an input. Raises `KeyError` if the job has no such input."""
        return Path(self.spec.inputs[name])

    def cache(self, name: str) -> Path | None:
        """The folder of that name that all jobs of the workspace share; None if there is none."""
        return None if self.spec.cache is None else Path(self.spec.cache) / name

    def check(self) -> None:
        """Raise `Cancelled` if this job was requested to stop, or to give its slot back, and
        `JournalLostError` as the journal does."""
        self.journal.check()
        if self.stop.is_set():
            raise Cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether the user cancelled the job; if it stops for another reason, it gives its slot back, and is
        still requested."""
        return (self.folder / CANCEL).exists()

    def warn(self, text: str) -> None:
        """Record a warning: something optional failed, and the job continues."""
        log.warning("%s", text)
        self.journal.write(Warned(without_secrets(" ".join(text.split()))))

    def wait(self, seconds: float) -> None:
        """Wait for that time, or until the user requests a poll. Raises `Cancelled` as `check` does."""
        refresh = self.folder / REFRESH
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not refresh.exists():
            if self.stop.wait(min(left, _LOOK_S)):
                break
            self.journal.check()
        refresh.unlink(missing_ok=True)
        self.check()

    def prior(self, kind: type[T]) -> Iterator[T]:
        """Records of one kind from earlier attempts, oldest first.

        Of a damaged journal those before the damage; a warning says so.
        """
        for folder in reversed(self.spec.prior):
            try:
                for entry, _ in journal.read(Path(folder)):
                    if isinstance(entry.record, kind):
                        yield entry.record
            except (DamagedJournalError, OSError) as error:
                self.warn(f"what an earlier attempt did is only used up to where it can be read: {error}")

    def publish(self, name: str, path: Path) -> None:
        """Record a finished output in the attempt's folder, after it is on disk."""
        relative = path.relative_to(self.folder).as_posix()
        files.sync(path)
        self.journal.write(Artifact(name, relative, files.sha256(path), files.size(path)))


def is_held(folder: Path) -> bool:
    """Whether a worker holds the lock of the attempt in `folder`."""
    return locks.is_held(folder / LOCK)
