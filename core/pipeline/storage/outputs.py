"""The files that an attempt makes: those to send, and bringing them back."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from core.jobs import files, journal
from core.jobs.records import LAST_RECORDS, Artifact, Done, Record
from core.pipeline.storage.layout import NOT_OUTPUTS, AttemptNames, Outputs, StoredFile, read_by_attempts
from core.pipeline.storage.storage import Storage
from core.training.saving import checkpoints

#: Seconds without a change after which a file of a running attempt counts as written.
_SETTLED_S = 2.0
#: Logs of other ranks, which change all the time.
_RANK_LOG = re.compile(r"log-rank-\d+\.txt")


class OutputSender:
    """Sends the files in an attempt's folder, each when it is complete, and then the list of them.

    `send_journal` is called before the list: a checkpoint must not be there without the metrics before it.
    """

    def __init__(
        self, storage: Storage, folder: Path, names: AttemptNames, send_journal: Callable[[], None]
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._names = names
        self._send_journal = send_journal
        self._hashes = HashMemory()
        self._sent: tuple[StoredFile, ...] = ()

    def send(self, *, everything: bool = False) -> None:
        """Send what is new; `everything` if all of it is known to be written. Raises as `Storage` does."""
        there = {one.sha256 for one in self._sent}
        found = []
        for path in complete(self._folder, is_running=not everything):
            try:
                sha256 = self._hashes.of(path)
                if sha256 not in there:
                    self._storage.put(path, self._names.output(sha256))
                    there.add(sha256)
                if sha256 == self._hashes.of(path):
                    size = path.stat().st_size
                    found.append(StoredFile(path.relative_to(self._folder).as_posix(), size, sha256))
            except FileNotFoundError:
                # An older checkpoint was removed meanwhile.
                continue
        if tuple(found) != self._sent:
            self._send_journal()
            self._storage.write(self._names.outputs, msgspec.json.encode(Outputs(tuple(found))))
            before, self._sent = self._sent, tuple(found)
            for gone in {one.sha256 for one in before} - {one.sha256 for one in found}:
                self._storage.remove(self._names.output(gone))


def complete(folder: Path, *, is_running: bool = False) -> Iterator[Path]:
    """The outputs in an attempt's folder: complete checkpoints, and other files, of a running one those that
    have not changed for a moment."""
    marked = checkpoints.complete(folder)
    now = time.time()
    for path in sorted(folder.rglob("*")):
        first = path.relative_to(folder).parts[0]
        if not path.is_file() or first in NOT_OUTPUTS or path.name.startswith("."):
            continue
        if first == checkpoints.FOLDER:
            if any(path.is_relative_to(checkpoint) for checkpoint in marked):
                yield path
        elif not is_running or (now - path.stat().st_mtime > _SETTLED_S and not _RANK_LOG.fullmatch(first)):
            yield path


def receive(storage: Storage, names: AttemptNames, folder: Path, hashes: HashMemory) -> None:
    """Bring the files that an attempt has sent to its folder here. Raises as `Storage` does."""
    for one in _listed(storage, names):
        path = folder / one.path
        if path.parts[len(folder.parts)] in NOT_OUTPUTS:
            continue
        if path.is_file() and path.stat().st_size == one.size and hashes.of(path) == one.sha256:
            continue
        try:
            storage.get(names.output(one.sha256), path, one.sha256)
        except FileNotFoundError:
            storage.get(read_by_attempts(one.sha256), path, one.sha256)


def keep(storage: Storage, names: AttemptNames, records: Sequence[Record]) -> None:
    """Move what other attempts may read of the files that an attempt has sent to where they read it, so that
    it need not be uploaded. `records` is all of its journal. Raises as `Storage` does."""
    published = [record.path for record in records if isinstance(record, Artifact)]
    is_done = any(isinstance(record, Done) for record in records)
    for one in _listed(storage, names):
        # If it is not done, the next attempt continues from its checkpoints.
        if not is_done or any(f"{one.path}/".startswith(f"{path}/") for path in published):
            # Moved before, or the same as another file.
            with suppress(FileNotFoundError):
                storage.move(names.output(one.sha256), read_by_attempts(one.sha256))


def _listed(storage: Storage, names: AttemptNames) -> tuple[StoredFile, ...]:
    listed = storage.read(names.outputs)
    return () if listed is None else msgspec.json.decode(listed, type=Outputs).files


def are_named(part: bytes) -> bool:
    """Whether a part of a journal names outputs, or ends it: they must be there first."""
    return any(isinstance(record, (Artifact, *LAST_RECORDS)) for record in journal.records(part))


def before_named(part: bytes) -> bytes:
    """The lines of a part of a journal before the first that names outputs, or ends it."""
    lines = part.splitlines(keepends=True)
    free: Iterator[bytes] = itertools.takewhile(lambda one: not are_named(one), lines)
    return b"".join(free)


class HashMemory:
    """The hashes of files, each computed again when the file has changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], str]] = {}

    def of(self, path: Path) -> str:
        found = path.stat()
        state = (found.st_mtime_ns, found.st_size)
        known = self._known.get(path)
        if known is None or known[0] != state:
            known = self._known[path] = (state, files.sha256(path))
        return known[1]
