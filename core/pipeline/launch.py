"""Starting the supervisor, and telling whether one runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.jobs import locks

_START_S = 30.0


def is_running(workspace: WorkspacePaths) -> tuple[bool, int | None]:
    """Whether a supervisor holds the workspace's lock, and its process id."""
    # The probe holds a shared lock for a moment: a supervisor that starts just then tries again.
    if not locks.is_held(workspace.lock):
        return False, None
    text = workspace.lock.read_text(encoding="utf-8").strip()
    return True, int(text) if text.isdigit() else None


def ensure(workspace: WorkspacePaths) -> None:
    """Start a detached supervisor unless one runs; return once one does.

    Raises `UserError` with the end of its log when it does not come up, and in a read-only workspace.
    """
    workspace.check_writable()
    if is_running(workspace)[0]:
        return
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    with workspace.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            # -P: a file in the workspace must not stand in for a module of the same name.
            [sys.executable, "-P", "-m", "core.pipeline.supervisor", str(workspace.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=workspace.root,
            start_new_session=True,
        )
    # So that it leaves no zombie behind while the app stays open.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + _START_S
    while not is_running(workspace)[0]:
        code = process.poll()
        if code == 0:
            # It found another one at work, or had nothing to do.
            return
        if code is not None or time.monotonic() > deadline:
            end = _tail(workspace.supervisor_log)
            raise UserError(f"the supervisor did not start; the end of {workspace.supervisor_log}:\n{end}")
        time.sleep(0.02)


def _tail(path: Path, size: int = 2000) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read().decode("utf-8", errors="replace").strip()
