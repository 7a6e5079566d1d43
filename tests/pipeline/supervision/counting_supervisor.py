"""The real supervisor over counting workers, as processes of their own.

It dies of SIGKILL right before its `kill_at`-th statement that writes; or, if that is negative, right
before it starts that many-th worker; never for 0. It touches `wants-to-write` before its
transactions. Exit code 3: another supervisor holds the lock.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

from core.config.workspace import WorkspacePaths
from core.pipeline.engines.engines import Engines
from core.pipeline.supervision import supervisor
from core.pipeline.supervision.supervisor import Supervisor
from tests.pipeline.workers import counting_worker
from tests.support.processes.forking import ForkedProcess, ForkedWorkers, preload

preload(__name__, "tests.pipeline.workers.counting_stage")

WRITES = ("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "COMMIT")


def start(workspace: WorkspacePaths, grace_s: float, kill_at: int, idle_s: float) -> ForkedProcess:
    """Start a supervisor; what it prints is appended to `supervisor.out`."""
    return ForkedProcess(
        _supervise, workspace, grace_s, kill_at, idle_s, out=workspace.root / "supervisor.out"
    )


def _supervise(workspace: WorkspacePaths, grace_s: float, kill_at: int, idle_s: float) -> int:
    logging.basicConfig(level=logging.INFO)
    supervisor.TICK_S = 0.02
    lock = supervisor.acquire(workspace)
    if lock is None:
        return 3
    with lock:
        workers = ForkedWorkers(workspace, counting_worker.main)
        boss = Supervisor(
            workspace,
            Engines(workspace, workers, "tests.pipeline.workers.counting_worker"),
            idle_s=idle_s,
            grace_s=grace_s,
        )
        left = kill_at

        def count(statement: str) -> None:
            nonlocal left
            if statement == "BEGIN IMMEDIATE":
                (workspace.root / "wants-to-write").touch()
            if statement.lstrip().startswith(WRITES):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        def count_workers(event: str, arguments: object) -> None:
            nonlocal left
            if event == "subprocess.Popen":
                left += 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        boss.connection.set_trace_callback(count if kill_at >= 0 else None)
        if kill_at < 0:
            sys.addaudithook(count_workers)
        boss.run(lock)
    return 0
