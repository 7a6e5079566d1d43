"""Attempts on nodes that do not see the workspace: what they read goes to a storage, and outputs come back.

The supervisor's side; `core.pipeline.workers.far_worker` is the node's. Each attempt is a step that is done
again and again, in a few threads: upload, then bring back what is new, and in the end everything. Journal and
log are copied into the attempt's folder, outputs before the records that name them, so that whoever reads the
folder need not know.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.errors import UserError
from core.jobs import files, journal
from core.jobs import spec as specs
from core.jobs.context import CANCEL, LOG
from core.jobs.journal import DamagedJournalError
from core.jobs.records import LAST_RECORDS, Record
from core.pipeline.engines import reads
from core.pipeline.engines.reads import Reads
from core.pipeline.storage import growing_file, outputs
from core.pipeline.storage.layout import (
    ATTEMPTS,
    FILES,
    PLACE,
    AttemptNames,
    Bundle,
    StoredFile,
    read_by_attempts,
)
from core.pipeline.storage.outputs import HashMemory
from core.pipeline.storage.storage import Storage

#: Attempts that are looked after at the same time.
_THREADS = 8
#: Seconds between two looks at the same attempt.
LOOK_S = 5.0
#: Seconds between two removals of what nothing needs any more, while attempts run.
TIDY_S = 60.0
#: Seconds after which a step has something large to carry.
_LONG_S = 10.0

log = logging.getLogger("supervisor")


class _Place(msgspec.Struct, frozen=True):
    url: str
    task: str


@dataclass
class _Transfer:
    """An attempt whose files are under way."""

    folder: Path
    storage: Storage
    names: AttemptNames
    worker: str | None
    """The module that runs it; None once all that it needs is uploaded."""
    reads: frozenset[str] | None = None
    """The hashes of what it reads; None before that is known."""
    alive_at: float = field(default_factory=time.monotonic)
    alive: bytes | None = None
    """The node's last sign of life beside the journal."""
    problem: str | None = None
    """Why nothing comes or goes now."""
    is_ending: bool = False
    """Whether its task on the cluster has ended, or nothing more is expected from it."""
    is_over: bool = False
    """Whether everything that is to come back has."""
    has_ending: bool = False
    """Whether its journal says how it ended."""
    has_request: bool = False
    """Whether the node was requested to cancel."""
    looked_at: float = 0.0
    has_looked: bool = False
    """Whether anything is known of the storage's state: not before the first look."""
    is_busy: bool = False
    """Whether a thread looks after it, or will."""


class Transfers:
    """The attempts of one engine that go through a storage. Only threads of its own wait for that."""

    def __init__(self, workspace: WorkspacePaths) -> None:
        self._workspace = workspace
        self._hashes = HashMemory()
        self._transfers: dict[Path, _Transfer] = {}
        #: One at a time: attempts that start together read the same files.
        self._upload = threading.Lock()
        #: Threads keep their connections. The end of the process does not wait for them.
        self._threads: list[threading.Thread] = []
        self._waiting: queue.SimpleQueue[_Transfer | None] = queue.SimpleQueue()
        #: The storages on which there may be something that nothing needs.
        self._untidy: set[str] = set()
        self._tidied_at = -TIDY_S
        self._tidying: threading.Thread | None = None
        self._is_closed = False

    def begin(self, folder: Path, url: str, task: str, worker: str) -> None:
        """Upload what an attempt needs. Raises `OSError`."""
        files.write_bytes(folder / PLACE, msgspec.json.encode(_Place(url, task)))
        self._add(_Transfer(folder, Storage(url), AttemptNames(task), worker))

    def take_over(self, folder: Path) -> None:
        """Continue with an attempt of another supervisor, if it goes through a storage."""
        with suppress(FileNotFoundError, msgspec.DecodeError):
            place = msgspec.json.decode((folder / PLACE).read_bytes(), type=_Place)
            self._add(_Transfer(folder, Storage(place.url), AttemptNames(place.task), None))

    def has(self, folder: Path) -> bool:
        """Whether an attempt goes through a storage."""
        return folder in self._transfers

    def is_uploaded(self, folder: Path) -> bool:
        """Whether an attempt can be started on a node."""
        found = self._transfers.get(folder)
        return found is None or found.worker is None

    def alive_at(self, folder: Path) -> float:
        """When an attempt last gave a sign of life beside its journal; now, while that cannot be known."""
        found = self._transfers.get(folder)
        if found is None:
            return 0.0
        now = time.monotonic()
        is_long = found.is_busy and now - found.looked_at > _LONG_S
        is_blind = not found.has_looked or found.worker is not None or found.problem is not None or is_long
        return now if is_blind else found.alive_at

    def problem(self) -> str | None:
        """Why a storage cannot be used now."""
        return next((one.problem for one in self._all() if one.problem is not None), None)

    def end(self, folder: Path) -> bool:
        """Have all that is left brought back; whether that is done."""
        found = self._transfers.get(folder)
        if found is None:
            return True
        if not found.is_ending:
            found.is_ending = True
            self._advance(found)
        return found.is_over

    def give_up(self, folder: Path) -> None:
        """End an attempt without what is left, if its storage is away."""
        found = self._transfers.get(folder)
        if found is not None and found.problem is not None:
            found.is_ending = found.is_over = True

    def forget(self, folder: Path) -> bool:
        """An attempt is over; whether it went through a storage."""
        found = self._transfers.pop(folder, None)
        if found is not None:
            self._untidy.add(found.storage.url)
        return found is not None

    def is_tidying(self) -> bool:
        """Whether something is being removed from a storage."""
        return self._tidying is not None and self._tidying.is_alive()

    def shall_tidy(self) -> bool:
        """Whether there may be something to remove, and it is time for it."""
        is_time = not self._transfers or time.monotonic() - self._tidied_at >= TIDY_S
        return bool(self._untidy) and is_time and not self.is_tidying()

    def tidy(self, needed: Reads) -> None:
        """Have all that neither a running attempt nor a job that is still to be done reads removed.

        All attempts of the engine that run must be known here.
        """
        urls, self._untidy, self._tidied_at = self._untidy, set(), time.monotonic()
        self._tidying = threading.Thread(target=self._tidy, args=(urls, needed), name="tidy", daemon=True)
        self._tidying.start()

    def step(self) -> None:
        """Look after every attempt for which it is time. It returns at once."""
        for transfer in self._all():
            if time.monotonic() - transfer.looked_at >= LOOK_S:
                self._advance(transfer)

    def close(self) -> None:
        """Leave the attempts to another supervisor."""
        self._is_closed = True
        for _ in self._threads:
            self._waiting.put(None)

    def _add(self, transfer: _Transfer) -> None:
        self._transfers[transfer.folder] = transfer
        self._untidy.add(transfer.storage.url)
        self._advance(transfer)

    def _all(self) -> list[_Transfer]:
        return list(self._transfers.values())

    def _advance(self, transfer: _Transfer) -> None:
        if transfer.is_busy or transfer.is_over:
            return
        transfer.is_busy, transfer.looked_at = True, time.monotonic()
        self._waiting.put(transfer)
        if len(self._threads) < min(_THREADS, len(self._transfers)):
            self._threads.append(threading.Thread(target=self._work, name="transfer", daemon=True))
            self._threads[-1].start()

    def _work(self) -> None:
        while (transfer := self._waiting.get()) is not None:
            self._step(transfer)
            transfer.is_busy = False

    def _step(self, transfer: _Transfer) -> None:
        try:
            if transfer.worker is None:
                self._bring_back(transfer)
            elif transfer.is_ending:
                # What is not on a node leaves nothing.
                transfer.is_over = True
            else:
                with self._upload:
                    self._send(transfer, transfer.worker)
                transfer.worker, transfer.alive_at = None, time.monotonic()
            transfer.problem = None
        except Exception as error:  # an attempt without anybody who looks after it would stay for ever
            words = troubles.trouble_in_words(error) or str(error)
            if not isinstance(error, UserError | OSError):
                log.exception("%s", transfer.folder)
                words = f"unexpected {type(error).__name__}: {error}"
            if words != transfer.problem:
                log.warning("%s: %s", transfer.folder, words)
            transfer.problem = words
        transfer.has_looked = True

    def _send(self, transfer: _Transfer, worker: str) -> None:
        """Upload what the attempt reads, and last what says so."""
        storage, folder = transfer.storage, transfer.folder
        spec = specs.read(folder)
        sent: list[StoredFile] = []
        places = {} if spec.cache is None else {spec.cache: self._place(Path(spec.cache))}
        read = reads.of(spec)
        for path in (folder / specs.NAME, *read.paths):
            place = places[str(path)] = self._place(path)
            for file in read.files_at(path):
                sha256, size = self._hashes.of(file), file.stat().st_size
                if storage.size(read_by_attempts(sha256)) != size:
                    storage.put(file, read_by_attempts(sha256))
                inside = "" if file == path else f"/{file.relative_to(path).as_posix()}"
                sent.append(StoredFile(f"{place}{inside}", size, sha256))
        transfer.reads = frozenset(one.sha256 for one in sent)
        bundle = Bundle(self._place(folder), worker, tuple(sent), places)
        storage.write(transfer.names.bundle, msgspec.json.encode(bundle))

    def _place(self, path: Path) -> str:
        """Where a file of this machine is in the folder that stands for the workspace's on a node."""
        root = self._workspace.root
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
        return f"outside/{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}/{path.name}"

    def _bring_back(self, transfer: _Transfer) -> None:
        storage, names, folder = transfer.storage, transfer.names, transfer.folder
        # Before anything is read: after a worker has ended, nothing changes.
        is_last = transfer.is_ending
        if not transfer.has_request and (folder / CANCEL).exists():
            storage.write(names.cancelled, b"requested")
            transfer.has_request = True

        def bring_outputs(part: bytes) -> None:
            if outputs.are_named(part):
                outputs.receive(storage, names, folder, self._hashes)
            records = tuple(journal.records(part))
            if any(isinstance(one, LAST_RECORDS) for one in records):
                # Before it is known that the next attempts can start.
                outputs.keep(storage, names, (*_records(folder), *records))
                transfer.has_ending = True

        growing_file.receive(storage, names.log, folder / LOG)
        if growing_file.receive(storage, names.journal, folder / journal.NAME, bring_outputs):
            transfer.alive_at = time.monotonic()
        elif (alive := storage.read(names.alive)) != transfer.alive:
            transfer.alive, transfer.alive_at = alive, time.monotonic()
        if is_last:
            outputs.receive(storage, names, folder, self._hashes)
            if not transfer.has_ending:
                outputs.keep(storage, names, tuple(_records(folder)))
            self._clear(transfer)
            transfer.is_over = True

    def _clear(self, transfer: _Transfer) -> None:
        """Remove the attempt from the storage. What stays, if it may run still, makes it end."""
        names, storage = transfer.names, transfer.storage
        if transfer.has_ending:
            storage.remove(names.folder)
            return
        _fence(storage, names)

    def _tidy(self, urls: Collection[str], needed: Reads) -> None:
        for url in urls:
            try:
                # An attempt must not find a file there that is removed before it says that it reads it.
                with self._upload:
                    self._remove_unneeded(Storage(url), needed)
            except (UserError, OSError, msgspec.DecodeError) as error:
                log.warning("%s: what is no longer needed stays there: %s", url, error)

    def _remove_unneeded(self, storage: Storage, needed: Reads) -> None:
        mine = [one for one in self._all() if one.storage.url == storage.url]
        unneeded = storage.sizes(FILES)
        for sha256 in frozenset[str]().union(*map(self._read_by, mine)):
            unneeded.pop(sha256, None)
        sizes = set(unneeded.values())
        for file in needed.files():
            with suppress(FileNotFoundError):
                if file.stat().st_size in sizes:
                    unneeded.pop(self._hashes.of(file), None)
        for sha256 in unneeded:
            if self._is_closed:
                return
            storage.remove(read_by_attempts(sha256))
        # Of attempts that were over when a supervisor ended, some may be left.
        known = {one.names.task for one in mine}
        left = {name.partition("/")[0] for name in storage.sizes(ATTEMPTS) if not AttemptNames.is_fence(name)}
        for task in left - known:
            if self._is_closed:
                return
            _fence(storage, AttemptNames(task))

    def _read_by(self, transfer: _Transfer) -> frozenset[str]:
        """The hashes of what an attempt reads that is on a storage."""
        if transfer.reads is None:
            bundle = transfer.storage.read(transfer.names.bundle)
            files_ = () if bundle is None else msgspec.json.decode(bundle, type=Bundle).files
            transfer.reads = frozenset(one.sha256 for one in files_)
        return transfer.reads


def _records(folder: Path) -> Iterator[Record]:
    """The records of an attempt's journal, up to the first that is damaged."""
    with suppress(DamagedJournalError):
        yield from (entry.record for entry, _ in journal.read(folder))


def _fence(storage: Storage, names: AttemptNames) -> None:
    """Remove an attempt from a storage, but for what makes its worker end if that still runs."""
    storage.write(names.fenced, b"ended")
    for part in names.contents:
        storage.remove(part)
