"""The real worker, with every stage done by counting_stage.py.

kills.json in the workspace lists, per attempt, the call of a C function at which it dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType

from core.jobs import stages
from core.pipeline.workers import worker


def die_at(calls: int) -> None:
    """SIGKILL this process at its `calls`-th call of a C function from here on."""
    left = calls

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        if event == "c_call":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def main(folder: Path) -> int:
    """Run the attempt in `folder`; the exit code."""
    stages.STAGES = {
        name: replace(stage, worker="tests.pipeline.workers.counting_stage")
        for name, stage in stages.STAGES.items()
    }
    kills = folder.parents[3] / "kills.json"
    if kills.exists():
        planned = json.loads(kills.read_text())
        if int(folder.name) <= len(planned):
            die_at(planned[int(folder.name) - 1])
    return worker.main(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
