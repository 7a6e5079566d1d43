"""`python -m tests.training.holding_worker FOLDER`: the real worker. The first attempt waits after its
second checkpoint, for ever."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from core.pipeline.workers import worker
from core.training.saving import checkpoints


def main(folder: Path) -> int:
    """Run the attempt in `folder`; the exit code."""
    mark = checkpoints.mark_complete

    def mark_and_wait(checkpoint: Path, num_tokens: int) -> None:
        mark(checkpoint, num_tokens)
        if checkpoints.step(checkpoint) == 4:
            threading.Event().wait()

    if folder.name == "1":
        checkpoints.mark_complete = mark_and_wait
    return worker.main(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
