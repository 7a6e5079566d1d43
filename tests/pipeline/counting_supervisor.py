"""`counting_supervisor.py WORKSPACE GRACE_S KILL_AT`: the real supervisor over counting workers.

It dies of SIGKILL right before its KILL_AT-th statement that writes; or, if that is negative, right
before it starts that many-th worker; never for 0. It touches `wants-to-write` before its
transactions. Exit code 3: another supervisor holds the lock.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.pipeline import supervisor
from core.pipeline.supervisor import Supervisor

WORKER = (sys.executable, str(Path(__file__).with_name("counting_worker.py")))
WRITES = ("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "COMMIT")


def main(workspace: WorkspacePaths, grace_s: float, kill_at: int) -> int:
    logging.basicConfig(level=logging.INFO)
    supervisor.TICK_S = 0.02
    lock = supervisor.acquire(workspace)
    if lock is None:
        return 3
    idle_s = float(os.environ["EMPATHY_SUPERVISOR_IDLE_S"])
    with lock:
        boss = Supervisor(workspace, WORKER, idle_s=idle_s, grace_s=grace_s)
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


if __name__ == "__main__":
    sys.exit(main(WorkspacePaths(Path(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3])))
