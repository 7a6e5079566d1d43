"""The real worker, which SIGKILLs itself and its supervisor.

kill.json in the workspace, {"at": n, "when": "before" or "after"}, names the write to the journal
around which that happens in a job's first attempt. `journalled.txt` has how many there were. With
"of": "sent" only writes of that record count: how many others come before depends on the time too.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from core.jobs.journal import Journal
from core.pipeline.workers import worker


def arrange(root: Path, at: int, when: str, of: str | None = None) -> None:
    """Have this process, and the one that started it, killed there."""
    write, count = Journal.write, 0

    def write_and_die(self: Journal, *records: Any) -> None:
        nonlocal count
        if of is not None and all(record.__struct_config__.tag != of for record in records):
            write(self, *records)
            return
        count += 1
        if count == at and when == "before":
            _die()
        write(self, *records)
        (root / "journalled.txt").write_text(str(count))
        if count == at:
            _die()

    Journal.write = write_and_die  # type: ignore[method-assign]


def _die() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> int:
    """Run the attempt in `folder`; the exit code."""
    plan = folder.parents[3] / "kill.json"
    if folder.name == "1" and plan.exists():
        arrange(folder.parents[3], **json.loads(plan.read_text()))
    return worker.main(folder)
