"""What is where in the folder of a workspace's engine on a storage: what attempts read, and each attempt.

`files/` has what attempts read, by its hash, so that it is uploaded once. `attempts/TASK/` is one attempt's
alone: `TASK` is never used twice, so that nothing of an old attempt can come between those of a new one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from core.domain import paths
from core.jobs import journal
from core.jobs import spec as specs
from core.jobs.context import CANCEL, FENCE, LOCK, LOG

_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

#: The folder with what attempts read.
FILES = "files"
#: The folder with attempts.
ATTEMPTS = "attempts"
#: In an attempt's folder in the workspace: the storage's URL, and the attempt's name there.
PLACE = "storage.json"
#: What the supervisor and the node keep on both sides in other ways: never sent as an output.
NOT_OUTPUTS = (journal.NAME, LOG, specs.NAME, specs.PLACES, LOCK, CANCEL, FENCE, PLACE)


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file on the storage."""

    path: str
    """Where it belongs, relative to a folder."""
    size: Annotated[int, msgspec.Meta(ge=0)]
    """Bytes."""
    sha256: _Sha256
    """Of its content."""

    def __post_init__(self) -> None:
        paths.check_inside(self.path)


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node needs for an attempt. Paths are relative to a folder that stands for the workspace's."""

    folder: str
    """The attempt's folder."""
    worker: str
    """The module that runs it."""
    files: tuple[StoredFile, ...]
    """Everything that it reads, its spec.json included."""
    places: dict[str, str]
    """A path in spec.json → where it is on the node."""

    def __post_init__(self) -> None:
        for path in (self.folder, *self.places.values()):
            paths.check_inside(path)


class Outputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files that an attempt has made so far, relative to its folder."""

    files: tuple[StoredFile, ...]
    """Each file once."""


class AttemptNames:
    """The names of an attempt's files on the storage."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.folder = f"{ATTEMPTS}/{task}"
        self.bundle = f"{self.folder}/bundle"
        self.outputs = f"{self.folder}/outputs"
        self.alive = f"{self.folder}/alive"
        """Changes while the node has a reason other than the worker not to have ended."""
        self.cancelled = f"{self.folder}/{CANCEL}"
        self.fenced = f"{self.folder}/{FENCE}"
        self.journal = f"{self.folder}/journal"
        self.log = f"{self.folder}/log"
        self._files = f"{self.folder}/files"
        self.contents = (
            self.bundle,
            self.outputs,
            self.alive,
            self.journal,
            self.log,
            self._files,
            self.cancelled,
        )
        """All but what makes its worker end."""

    @staticmethod
    def is_fence(name: str) -> bool:
        """Whether a file, relative to the folder with attempts, is what makes a worker end."""
        return name.endswith(f"/{FENCE}")

    def output(self, sha256: str) -> str:
        """A file that the attempt has made."""
        return f"{self._files}/{sha256}"


def read_by_attempts(sha256: str) -> str:
    """A file that attempts read."""
    return f"{FILES}/{sha256}"
