"""`python -m core.pipeline.workers.far_worker URL TASK`: an attempt where the workspace cannot be seen.

What the attempt reads comes from the storage at `URL` into a folder of this machine (below TMPDIR), where the
worker runs as anywhere. Its journal, its log and its outputs go to the storage while it runs, and requests
to stop come from there. The process ends as the worker does, once everything is on the storage.
"""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

import msgspec

from core.domain import troubles
from core.domain.errors import UserError
from core.jobs import files, journal, logs, processes
from core.jobs import spec as specs
from core.jobs.context import CANCEL, FENCE, LOG
from core.jobs.records import Failed
from core.pipeline.storage import outputs
from core.pipeline.storage.growing_file import GrowingFile
from core.pipeline.storage.layout import AttemptNames, Bundle, read_by_attempts
from core.pipeline.storage.outputs import OutputSender
from core.pipeline.storage.storage import DamagedFileError, Storage, StorageError

#: Seconds between two looks at what is new, here and on the storage.
LOOK_S = 2.0
#: Seconds between two signs of life while files are downloaded, or sent after the worker's end.
_ALIVE_S = 15.0
#: Seconds for which the storage may be away while nothing else can be done.
PATIENCE_S = 3600.0
#: Bytes of the disk that the worker gets beside what it reads.
_ROOM = 200_000_000

T = TypeVar("T")

log = logging.getLogger("far worker")


def main(url: str, task: str) -> int:
    """Run the attempt; the exit code is the worker's."""
    logs.begin()
    storage, names = Storage(url), AttemptNames(task)
    try:
        if _patiently(lambda: storage.read(names.fenced)) is not None:
            log.error("stopped before it began: another attempt has taken its place")
            return 1
        content = _patiently(lambda: storage.read(names.bundle))
        if content is None:
            raise UserError(f"{url} has no attempt {task}: the supervisor has removed it")
        bundle = msgspec.json.decode(content, type=Bundle)
        with tempfile.TemporaryDirectory(prefix="empathy-tui-", ignore_cleanup_errors=True) as root:
            return _FarAttempt(storage, names, bundle, Path(root).resolve()).run()
    except (UserError, OSError, msgspec.DecodeError) as error:
        log.error("%s", error)
        return (troubles.exit_code(error) if isinstance(error, OSError) else None) or 1


class _FarAttempt:
    """An attempt in the folder `root` of this machine.

    This thread sends outputs, which may be large; another follows journal, log and requests.
    """

    def __init__(self, storage: Storage, names: AttemptNames, bundle: Bundle, root: Path) -> None:
        self._storage, self._names, self._bundle, self._root = storage, names, bundle, root
        self._folder = root / bundle.folder
        self._follower = JournalFollower(storage, names, self._folder)
        self._outputs = OutputSender(storage, self._folder, names, self._follower.send_journal)
        self._worker: subprocess.Popen[bytes] | None = None
        self._gives_back = False

    def run(self) -> int:
        """Do it; the exit code."""
        self._folder.mkdir(parents=True)
        for number in processes.GIVE_BACK:
            signal.signal(number, self._pass_on)
        self._follower.start()
        try:
            self._download()
            self._work()
        except (UserError, OSError) as error:
            words = troubles.trouble_in_words(error) or str(error)
            log.error("%s", words)
            _patiently(lambda: self._follower.fail(words))
            return 1
        if self._follower.is_fenced:
            return 1
        _patiently(lambda: self._outputs.send(everything=True))
        self._follower.finish()
        assert self._worker is not None, "an attempt that is not fenced was worked on"
        code = self._worker.returncode
        return code if code >= 0 else 128 - code

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """Have the worker give its slot back."""
        self._gives_back = True
        if self._worker is not None:
            self._worker.send_signal(signal.SIGTERM)

    def _download(self) -> None:
        stored = self._bundle.files
        needed, free = sum(one.size for one in stored) + _ROOM, shutil.disk_usage(self._root).free
        if needed > free:
            raise UserError(
                f"the node's disk is full: the attempt needs {needed / 1e9:.1f} GB in {self._root.parent}, "
                f"which has {free / 1e9:.1f} GB free: set TMPDIR in the engine's env to a folder with more"
            )
        for one in stored:
            if self._follower.is_fenced:
                return
            name, path = read_by_attempts(one.sha256), self._root / one.path
            try:
                _patiently(partial(self._storage.get, name, path, one.sha256))
            except FileNotFoundError as error:
                raise UserError(
                    f"{one.path} is no longer on {self._storage.url}: retry the job, which uploads it again"
                ) from error
            except DamagedFileError as error:
                self._storage.remove(name)
                raise UserError(
                    f"{one.path} was damaged on {self._storage.url}, and is removed there: retry the job, "
                    "which uploads it again"
                ) from error
        places = {there: str(self._root / here) for there, here in self._bundle.places.items()}
        files.write_bytes(self._folder / specs.PLACES, msgspec.json.encode(places))

    def _work(self) -> None:
        """Run the worker until it ends, and send its outputs as they are made."""
        if self._follower.is_fenced:
            return
        with (self._folder / LOG).open("ab") as output:
            self._worker = subprocess.Popen(
                # -P: a file in the folder must not shadow a module of the same name.
                [sys.executable, "-P", "-m", self._bundle.worker, str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._root,
            )
        if self._gives_back:
            self._worker.send_signal(signal.SIGTERM)
        self._follower.worker_began()
        while True:
            with suppress(subprocess.TimeoutExpired):
                self._worker.wait(LOOK_S)
                break
            if not self._follower.is_fenced:
                # The worker goes on while the storage is away.
                with suppress(StorageError):
                    waiting = self._follower.waiting
                    self._outputs.send(everything=waiting is not None)
                    self._follower.allow(waiting)
        self._follower.worker_ended()


class JournalFollower:
    """A thread that sends journal and log, and passes on what the supervisor requests."""

    def __init__(self, storage: Storage, names: AttemptNames, folder: Path) -> None:
        self._storage, self._names, self._folder = storage, names, folder
        self._journal = GrowingFile(storage, folder / journal.NAME, names.journal, by_line=True)
        self._log = GrowingFile(storage, folder / LOG, names.log)
        #: Held while the journal is sent, by this thread or by that which sends outputs.
        self._sending = threading.Lock()
        self.waiting: bytes | None = None
        """The part of the journal that waits for the outputs that it names first."""
        self._allowed: bytes | None = None
        self._has_worker = False
        self._is_last = False
        self._alive = 0
        self._alive_at = -_ALIVE_S
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_fenced(self) -> bool:
        """Whether another attempt has taken the place of this one."""
        return (self._folder / FENCE).exists()

    def worker_began(self) -> None:
        """From now on, the journal's heartbeats are the sign of life."""
        self._has_worker = True

    def worker_ended(self) -> None:
        self._has_worker = False

    def allow(self, waiting: bytes | None) -> None:
        """Have a part of the journal sent: the outputs that it names are."""
        self._allowed = waiting

    def fail(self, error: str) -> None:
        """Write a journal that says why there was no worker. Raises as `Storage` does."""
        with self._sending:
            self._journal.send(journal.line(1, Failed(error)))

    def send_journal(self, *, is_last: bool = False) -> None:
        """Send the journal up to a record that names outputs which are perhaps not sent yet; with `is_last`,
        all of it. Raises as `Storage` does."""
        with self._sending:
            while part := self._next_of_journal(is_last=is_last):
                self._journal.send(part)
                self.waiting = self._allowed = None

    def finish(self) -> None:
        """Send the rest; all outputs are sent."""
        self._is_last = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        away_since: float | None = None
        while True:
            now = time.monotonic()
            try:
                if self._look():
                    return
                away_since = None
            except (StorageError, OSError) as error:
                if away_since is None:
                    log.warning("%s: it is tried again", error)
                    away_since = now
                if self._is_last and now - away_since > PATIENCE_S:
                    return
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _look(self) -> bool:
        """Whether everything has been sent, and nothing more is to come."""
        is_last = self._is_last
        for name, request in ((self._names.cancelled, CANCEL), (self._names.fenced, FENCE)):
            path = self._folder / request
            if not path.exists() and self._storage.read(name) is not None:
                path.touch()
        while part := self._log.next_part():
            self._log.send(part)
        self.send_journal(is_last=is_last)
        if not self._has_worker and time.monotonic() - self._alive_at >= _ALIVE_S:
            self._alive += 1
            self._storage.write(self._names.alive, str(self._alive).encode())
            self._alive_at = time.monotonic()
        return is_last

    def _next_of_journal(self, *, is_last: bool) -> bytes:
        if self.waiting is not None:
            return self.waiting if is_last or self._allowed is self.waiting else b""
        part = self._journal.next_part()
        if is_last:
            return part
        free = outputs.before_named(part)
        if part and not free:
            self.waiting = part
        return free


def _patiently(do: Callable[[], T]) -> T:
    """Do it again while the storage is away, for `PATIENCE_S`. Raises as `Storage` does afterwards."""
    until, problem = time.monotonic() + PATIENCE_S, ""
    while True:
        try:
            return do()
        except StorageError as error:
            if error.is_lasting or time.monotonic() >= until:
                raise
            if str(error) != problem:
                problem = str(error)
                log.warning("%s: it is tried again", error)
            time.sleep(LOOK_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
