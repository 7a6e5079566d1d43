"""`python -m core.training.rank_process ATTEMPT_FOLDER`: a rank of a run beside the worker, which is rank 0.

It trains as the worker does, and writes neither the journal nor outputs. It ends with the worker, whose end
it notices by its standard input, and stops when the worker does: signals are the worker's.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from core.config.redaction import without_secrets
from core.domain import troubles
from core.domain.errors import Cancelled, UserError
from core.jobs import files, logs, processes
from core.jobs import spec as specs
from core.jobs.context import JobContext
from core.jobs.journal import NoJournal

#: Characters of an unexpected error that are sent to the worker.
_LONGEST = 400

log = logging.getLogger("rank")


def main(folder: Path) -> int:
    """Train with the others; returns the process's exit code."""
    threading.Thread(target=_end_with_worker, name="worker", daemon=True).start()
    for number in processes.GIVE_BACK:
        signal.signal(number, signal.SIG_IGN)
    files.keep_private(folder.parents[3])
    logs.begin()
    from core.training import training_job
    from core.training.distributed import peers

    rank = int(os.environ["RANK"])
    job: JobContext[Any] = JobContext(folder, specs.read(folder), NoJournal())
    log.info("rank %d of %s, attempt %d", rank, job.spec.name, job.spec.attempt)
    try:
        training_job.take_part(job)
    except Cancelled:
        return 0
    except UserError as error:
        peers.report(folder, rank, without_secrets(str(error)))
        return 1
    except Exception as error:
        log.error("unexpected", exc_info=True)
        words = troubles.trouble_in_words(error) or f"unexpected: {type(error).__name__}: {error}"
        peers.report(folder, rank, " ".join(without_secrets(words).split())[:_LONGEST])
        return 1
    return 0


def _end_with_worker() -> None:
    """End this process as soon as the worker has ended, wherever it waits."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
