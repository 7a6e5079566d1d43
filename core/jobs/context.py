"""What a worker hands to the module that does a job: the job's settings and files, and its journal.

Such a module (`core.jobs.stages` names it) has a function `run(job: JobContext[...]) -> ...Result`. It raises
`UserError` for what the user can act on and `Cancelled` when `job.check()` says that it shall stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from core.domain.errors import Cancelled
from core.jobs import files, journal, locks
from core.jobs.journal import Journal
from core.jobs.records import Artifact, Record
from core.jobs.spec import S, Spec

T = TypeVar("T", bound=Record)

#: The worker holds an exclusive lock on it in its attempt's folder while it lives.
LOCK = "worker.lock"
#: Its presence in an attempt's folder says that the user cancelled the job.
CANCEL = "cancelled"
#: Touched there when the user wants a job that waits for something outside to look again now.
REFRESH = "refresh"

#: Seconds between looks at what the user wants of a job that waits.
_LOOK_S = 0.2


class JobContext(Generic[S]):
    """One attempt at one job, as the module that does it sees it; `S` is the type of its settings."""

    def __init__(self, folder: Path, spec: Spec[S], journal: Journal) -> None:
        self.folder = folder
        self.spec = spec
        self.journal = journal
        self.stop = threading.Event()

    @property
    def settings(self) -> S:
        return self.spec.settings

    def input(self, name: str) -> Path:
        """The path of an input. Raises `KeyError` when the job has no such input."""
        return Path(self.spec.inputs[name])

    def check(self) -> None:
        """Raise `Cancelled` if the user asked this job to stop."""
        if self.stop.is_set():
            raise Cancelled

    @property
    def is_cancelled(self) -> bool:
        """Whether the user cancelled the job; after a stop without it the work is still wanted."""
        return (self.folder / CANCEL).exists()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the user wants a look at once. Raises `Cancelled` as `check` does."""
        refresh = self.folder / REFRESH
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not refresh.exists():
            if self.stop.wait(min(left, _LOOK_S)):
                break
        refresh.unlink(missing_ok=True)
        self.check()

    def prior(self, kind: type[T]) -> Iterator[T]:
        """Records of one kind from earlier attempts, oldest first."""
        for folder in reversed(self.spec.prior):
            for entry, _ in journal.read(Path(folder)):
                if isinstance(entry.record, kind):
                    yield entry.record

    def publish(self, name: str, path: Path) -> None:
        """Record a finished output that lies under the attempt's folder, once it is on disk."""
        relative = path.relative_to(self.folder).as_posix()
        files.sync(path)
        self.journal.write(Artifact(name, relative, files.sha256(path), files.size(path)))


def is_held(folder: Path) -> bool:
    """Whether a worker holds the lock of the attempt in `folder`."""
    return locks.is_held(folder / LOCK)
