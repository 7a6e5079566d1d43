"""The playground's process, as others see it: whether it runs, how to reach it, and how it is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.states import Slot
from core.jobs import locks, logs
from core.playground import messages

#: Seconds after which a playground without a question ends. The environment variable changes it.
IDLE_S = 600.0
IDLE_VARIABLE = "EMPATHY_PLAYGROUND_IDLE_S"
#: Seconds for which a process may take to listen; it loads no model before.
_START_S = 60.0
#: Seconds for which a message to the process may take.
_SEND_S = 1.0


class Running(msgspec.Struct, frozen=True):
    """The process that runs, as its lock's file describes it."""

    pid: int
    """Its process id."""
    host: str
    """Its machine."""
    process: str | None
    """What `processes.identity` says of it."""
    address: str
    """The path of its socket."""
    slot: str
    """The slot of jobs whose memory it takes."""


def lock_file(workspace: WorkspacePaths) -> Path:
    """The file that the process holds locked; its text is a `Running`, empty while it starts or ends."""
    return workspace.playground / "worker.lock"


def write(lock: TextIO, running: Running | None) -> None:
    """Describe the process in its lock's file."""
    lock.truncate(0)
    lock.write("" if running is None else msgspec.json.encode(running).decode())
    lock.flush()


def running(workspace: WorkspacePaths) -> Running | None:
    """The process that runs and listens; None if there is none."""
    path = lock_file(workspace)
    if not locks.is_held(path):
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def note_end(workspace: WorkspacePaths, reason: str) -> None:
    """Keep why the process ended, for those who do not talk with it now. Raises `OSError`."""
    _end_file(workspace).write_text(reason, encoding="utf-8")


def last_end(workspace: WorkspacePaths) -> str | None:
    """Why the last process ended, for people; None if none has, or it was killed before it could say so."""
    try:
        return _end_file(workspace).read_text(encoding="utf-8") or None
    except (OSError, UnicodeDecodeError):
        return None


def _end_file(workspace: WorkspacePaths) -> Path:
    return workspace.playground / "ended.txt"


def leave(found: Running, reason: str) -> None:
    """Ask a process to end after its present question; if it cannot be reached, it is ending."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SEND_S)
        connection.connect(found.address)
        connection.sendall(messages.encode(messages.Leave(reason)))


def connect(
    workspace: WorkspacePaths, slot: Slot, stop: threading.Event, environment: Mapping[str, str]
) -> socket.socket | None:
    """A connection to the process, which is started unless it runs; None once `stop` is set.

    `environment` is for a process that is started. Raises `UserError` with the end of its log if it does not
    come up, and in a read-only workspace.
    """
    workspace.check_writable()
    folder = workspace.playground
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    child: subprocess.Popen[bytes] | None = None
    reported: Running | None = None
    deadline = time.monotonic() + _START_S
    while not stop.is_set():
        found = running(workspace)
        if found is not None:
            if found.host != socket.gethostname():
                raise UserError(
                    f"the playground of this workspace runs on {found.host}: use it there, or end it"
                )
            if found.slot == slot:
                connection = socket.socket(socket.AF_UNIX)
                try:
                    connection.connect(found.address)
                except OSError:
                    # It is ending: its lock becomes free.
                    connection.close()
                else:
                    return connection
            elif found != reported:
                # It would not leave for jobs in the other slot, whose memory its models take now.
                leave(found, "runs.device has changed")
                reported = found
        # One that ended without an error has found another, which ends by now.
        if not locks.is_held(lock_file(workspace)) and (child is None or child.poll() == 0):
            child = _start(workspace, slot, log, environment)
        code = None if child is None else child.poll()
        if code not in (None, 0) or time.monotonic() > deadline:
            raise UserError(f"the playground did not start; the end of {log}:\n{logs.tail(log)}")
        stop.wait(0.02)
    return None


def _start(
    workspace: WorkspacePaths, slot: Slot, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    idle_s = os.environ.get(IDLE_VARIABLE, str(IDLE_S))
    with log.open("ab") as output:
        child = subprocess.Popen(
            # -P: a file in the workspace must not shadow a module of the same name.
            [sys.executable, "-P", "-m", "core.playground.worker", str(workspace.root), slot, idle_s],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=workspace.root,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    # Reap the process, so that it does not remain as a zombie while the app is open.
    threading.Thread(target=child.wait, daemon=True).start()
    return child
