"""The worker: one process that runs an attempt at a job.

`python -m core.pipeline.worker ATTEMPT_FOLDER` reads spec.json there and writes the journal, the
log (its standard output and error, redirected by the supervisor) and the outputs to the same folder.
With two more arguments, a channel to the supervisor and the attempt's lock, it may do more jobs: see
`core.pipeline.serving`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from contextlib import closing
from importlib import import_module
from pathlib import Path

from core.domain.errors import Cancelled, UserError
from core.domain.results import Result
from core.jobs import spec as specs
from core.jobs import stages
from core.jobs.context import JobContext
from core.jobs.journal import Journal
from core.jobs.records import Done, Failed, Started, Stopped
from core.jobs.redaction import without_secrets
from core.jobs.settings import Settings

#: Characters of an unexpected error that the store keeps; the log has all of it.
_LONGEST = 400

log = logging.getLogger("worker")


def main(folder: Path) -> int:
    """Run the attempt in `folder`; returns the process's exit code."""
    with closing(Journal(folder)) as journal:
        return _attempt(folder, journal)


def _attempt(folder: Path, journal: Journal) -> int:
    try:
        spec = specs.read(folder)
    except UserError as error:
        log.error("%s", error)
        journal.write(Failed(str(error)))
        return 1
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(spec.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    # TRL would report every training to the Hub.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    job = JobContext(folder, spec, journal)
    signal.signal(signal.SIGTERM, lambda *_: job.stop.set())
    journal.write(Started(os.getpid(), socket.gethostname()))
    log.info("%s %s, attempt %d", spec.stage, spec.name, spec.attempt)
    try:
        journal.write(Done(_run(job)))
    except Cancelled:
        log.info("stopped: cancel requested")
        journal.write(Stopped())
        return 1
    except UserError as error:
        log.error("%s", error)
        journal.write(Failed(without_secrets(str(error))))
        return 1
    except Exception as error:
        # The boundary of the process: the journal must end with any error.
        log.error("unexpected", exc_info=True)
        what = " ".join(without_secrets(f"{type(error).__name__}: {error}").split())
        journal.write(Failed(f"unexpected: {what[:_LONGEST]} (see log.txt)"))
        return 1
    log.info("done")
    return 0


def _run(job: JobContext[Settings]) -> Result:
    stage = stages.STAGES[job.spec.stage]
    result: Result = import_module(stage.worker).run(job)
    # A result that the store could not read back must not be journalled as done.
    if type(result) is not stage.result:
        raise TypeError(f"{stage.worker} returned {type(result).__name__}, not {stage.result.__name__}")
    return result


class _Formatter(logging.Formatter):
    """Removes secrets from the log, including tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


if __name__ == "__main__":
    place, *descriptors = sys.argv[1:]
    if descriptors:
        from core.pipeline import serving

        channel, lock = map(int, descriptors)
        sys.exit(serving.serve(main, Path(place).resolve(), channel, lock))
    sys.exit(main(Path(place).resolve()))
