"""What a storm does to a workspace. Each fault returns what ends it, or None; it raises `NothingToHitError`
if there is nothing of its kind now."""

from __future__ import annotations

import datetime
import email.utils
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.storm.disk import Disk
from benchmarks.storm.processes import Processes, send
from core.config.workspace import WorkspacePaths
from core.jobs import context, journal
from core.jobs.records import Answer, CallSent, SubmissionRecord
from tests.loopback import Api

Undo = Callable[[], None]
#: Seconds that a fault lasts that ends.
_SHORTEST_S, _LONGEST_S = 0.05, 0.8
_YEARS_S = 5 * 365 * 86_400
#: Commands that only look, of which one is killed where none runs that changes something.
LOOKS = (("status",), ("winrates",), ("batches",), ("data",), ("logs",), ("status", "--json"))


class NothingToHitError(Exception):
    """There is nothing of this kind now."""


@dataclass
class Scene:
    """What faults can reach."""

    workspace: WorkspacePaths
    processes: Processes
    api: Api
    disk: Disk
    draw: random.Random
    removed: list[Path] = field(default_factory=list)
    """Folders of attempts that are elsewhere now: what they have paid for is paid once more."""

    def lasts_s(self) -> float:
        return self.draw.uniform(_SHORTEST_S, _LONGEST_S)

    def one(self, found: list[int]) -> int:
        if not found:
            raise NothingToHitError
        return self.draw.choice(found)

    def attempts(self) -> list[Path]:
        """The folders of attempts."""
        return sorted(self.workspace.artifacts.glob("jobs/*/*"))

    def running(self) -> Path:
        """The folder of an attempt with a worker."""
        found = [folder for folder in self.attempts() if context.is_held(folder)]
        if not found:
            raise NothingToHitError
        return self.draw.choice(found)


def kill_worker(scene: Scene) -> None:
    send(scene.one(scene.processes.worker_pids()), signal.SIGKILL)


def kill_supervisor(scene: Scene) -> None:
    send(scene.one(scene.processes.supervisor_pids()), signal.SIGKILL)


def kill_all(scene: Scene) -> None:
    pids = [*scene.processes.supervisor_pids(), *scene.processes.worker_pids()]
    scene.one(pids)
    scene.draw.shuffle(pids)
    for pid in pids:
        send(pid, signal.SIGKILL)


def kill_command(scene: Scene) -> None:
    running = [command for command in scene.processes.commands if command.process.poll() is None]
    if running:
        command = running[-1]
    else:
        command = scene.processes.command(*scene.draw.choice(LOOKS))
        time.sleep(scene.draw.uniform(0, 0.1))
    command.is_hit = True
    command.process.kill()


def kill_app(scene: Scene) -> None:
    if scene.processes.app is None or scene.processes.app_is_hit:
        raise NothingToHitError
    scene.processes.app_is_hit = True
    send(scene.processes.app.pid, signal.SIGKILL)


def stop_worker(scene: Scene) -> Undo:
    return _stop(scene.one(scene.processes.worker_pids()))


def stop_supervisor(scene: Scene) -> Undo:
    return _stop(scene.one(scene.processes.supervisor_pids()))


def _stop(pid: int) -> Undo:
    send(pid, signal.SIGSTOP)
    return lambda: _go_on(pid)


def _go_on(pid: int) -> None:
    send(pid, signal.SIGCONT)


def second_supervisor(scene: Scene) -> None:
    """Two more at the same time: one at most may work."""
    scene.processes.supervise()
    scene.processes.supervise()


def full_disk(scene: Scene) -> Undo:
    if not scene.disk.is_small:
        raise NothingToHitError
    scene.disk.fill()
    return scene.disk.make_room


def file_size_limit(scene: Scene) -> Undo:
    """No file of the process may grow: what a full disk is to it, where none can be mounted."""
    pids = [*scene.processes.supervisor_pids(), *scene.processes.worker_pids()]
    return _limit(scene.one(pids), resource.RLIMIT_FSIZE, 1)


def open_files_limit(scene: Scene) -> Undo:
    return _limit(scene.one(scene.processes.supervisor_pids()), resource.RLIMIT_NOFILE, 8)


def _limit(pid: int, kind: int, value: int) -> Undo:
    try:
        soft, hard = resource.prlimit(pid, kind)
        if soft == value:
            # Undone, a second limit would leave the first.
            raise NothingToHitError
        resource.prlimit(pid, kind, (value, hard))
    except ProcessLookupError:
        raise NothingToHitError from None

    def undo() -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, kind, (soft, hard))

    return undo


def remove_attempt(scene: Scene) -> None:
    """The folder of a running attempt."""
    _remove_attempt(scene, scene.running())


def remove_old_attempt(scene: Scene) -> None:
    """The folder of an attempt that has ended."""
    found = [folder for folder in scene.attempts() if not context.is_held(folder)]
    if not found:
        raise NothingToHitError
    _remove_attempt(scene, scene.draw.choice(found))


def _remove_attempt(scene: Scene, folder: Path) -> None:
    # Away at once, as `rm` of a folder is not; what it paid for is counted in the end.
    aside = scene.disk.place / f"removed-{len(scene.removed)}"
    folder.rename(aside)
    scene.removed.append(aside)


def requests_of(folder: Path) -> set[str]:
    """The keys of the requests that an attempt has perhaps sent, by its journal."""
    keys: set[str] = set()
    with suppress(journal.DamagedJournalError, OSError):
        for entry, _ in journal.read(folder):
            match entry.record:
                case SubmissionRecord(mode="batch", requests=requests):
                    keys |= set(requests)
                case CallSent(key=key) | Answer(key=key):
                    keys.add(key)
    return keys


def remove_spec(scene: Scene) -> None:
    (scene.running() / "spec.json").unlink(missing_ok=True)


def remove_worker_lock(scene: Scene) -> None:
    (scene.running() / context.LOCK).unlink(missing_ok=True)


def remove_supervisor_lock(scene: Scene) -> None:
    """And start another supervisor, which finds a lock that nobody holds."""
    if not scene.processes.supervisor_pids():
        raise NothingToHitError
    scene.workspace.lock.unlink(missing_ok=True)
    scene.processes.supervise()


def remove_output(scene: Scene) -> None:
    """A finished output, which is an input of other jobs."""
    found = [p for p in scene.workspace.artifacts.glob("jobs/*/*/*.jsonl") if p.name != journal.NAME]
    found = [path for path in found if not context.is_held(path.parent)]
    if not found:
        raise NothingToHitError
    scene.draw.choice(found).unlink(missing_ok=True)


def remove_wal(scene: Scene) -> None:
    wal = scene.workspace.state.with_name("state.db-wal")
    if not wal.exists():
        raise NothingToHitError
    wal.unlink(missing_ok=True)


def remove_state(scene: Scene) -> None:
    if not scene.workspace.state.exists():
        raise NothingToHitError
    for path in scene.workspace.root.glob("state.db*"):
        path.unlink(missing_ok=True)


def jump_file_times(scene: Scene) -> None:
    """As if the clock had been set by years, either way: every file's time."""
    jump = scene.draw.uniform(-_YEARS_S, _YEARS_S)
    for path in (scene.workspace.config, *scene.workspace.artifacts.rglob("*")):
        with suppress(OSError):
            os.utime(path, (path.stat().st_atime + jump, path.stat().st_mtime + jump))


def odd_retry_after(scene: Scene) -> None:
    """The server throttles, and says when to come back by a clock of its own."""
    past = datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
    said = ("-5", "0", "1", "nan", "1e400", email.utils.format_datetime(past, usegmt=True))
    scene.api.faults.retry_after = scene.draw.choice((*said, email.utils.format_datetime(soon, usegmt=True)))
    scene.api.faults.throttle = 2


def server_clock(scene: Scene) -> None:
    """The server's clock is set: batches were created, and expire, years ago or years ahead."""
    with scene.api.lock:
        found = list(scene.api.batches.values())
        if not found:
            raise NothingToHitError
        jump = int(scene.draw.uniform(-_YEARS_S, _YEARS_S))
        for batch in found:
            batch["created_at"] += jump
            batch["expires_at"] += jump


#: How often each is drawn, beside the others.
FAULTS: dict[str, tuple[Callable[[Scene], Undo | None], int]] = {
    "SIGKILL, worker": (kill_worker, 12),
    "SIGKILL, supervisor": (kill_supervisor, 10),
    "SIGKILL, both": (kill_all, 6),
    "SIGKILL, command": (kill_command, 4),
    "SIGKILL, app": (kill_app, 4),
    "SIGSTOP, worker": (stop_worker, 3),
    "SIGSTOP, supervisor": (stop_supervisor, 3),
    "two more supervisors": (second_supervisor, 3),
    "full disk": (full_disk, 2),
    "limit of file sizes": (file_size_limit, 2),
    "limit of open files": (open_files_limit, 1),
    "removed: folder of a running attempt": (remove_attempt, 1),
    "removed: folder of an ended attempt": (remove_old_attempt, 1),
    "removed: spec.json": (remove_spec, 1),
    "removed: worker.lock": (remove_worker_lock, 1),
    "removed: supervisor.lock": (remove_supervisor_lock, 1),
    "removed: an output": (remove_output, 1),
    "removed: state.db-wal": (remove_wal, 1),
    "removed: state.db": (remove_state, 1),
    "clock: times of files": (jump_file_times, 2),
    "clock: Retry-After": (odd_retry_after, 2),
    "clock: times of batches": (server_clock, 2),
}
