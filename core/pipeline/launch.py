"""Starting the supervisor, and checking whether one is running."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.paths import not_a_file
from core.jobs import locks, logs

_START_S = 30.0


def is_running(workspace: WorkspacePaths) -> tuple[bool, int | None]:
    """Whether a supervisor holds the workspace's lock, and its process id."""
    if not_a_file(workspace.lock):
        return False, None
    # The check holds a shared lock for a moment: a supervisor that starts at that moment tries again.
    if not locks.is_held(workspace.lock):
        return False, None
    text = workspace.lock.read_text(encoding="utf-8").strip()
    return True, int(text) if text.isdigit() else None


def ensure(workspace: WorkspacePaths) -> None:
    """Start a detached supervisor unless one is running; return once it runs.

    Raises `UserError` with the end of its log when it does not come up, and in a read-only workspace.
    """
    workspace.check_writable()
    if is_running(workspace)[0]:
        return
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    with workspace.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            # -P: a file in the workspace must not shadow a module of the same name.
            [sys.executable, "-P", "-m", "core.pipeline.supervision.supervisor", str(workspace.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=workspace.root,
            start_new_session=True,
        )
    # Reap the process, so that it does not remain as a zombie while the app is open.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + _START_S
    while not is_running(workspace)[0]:
        code = process.poll()
        if code == 0:
            # Another supervisor was running, or there was nothing to do.
            return
        if code is not None or time.monotonic() > deadline:
            end = logs.tail(workspace.supervisor_log)
            raise UserError(f"the supervisor did not start; the end of {workspace.supervisor_log}:\n{end}")
        time.sleep(0.02)
