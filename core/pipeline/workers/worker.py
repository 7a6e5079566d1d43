"""The worker: one process that runs an attempt at a job.

`python -m core.pipeline.workers.worker ATTEMPT_FOLDER` reads spec.json there and writes the journal, the
log (its standard output and error, redirected by the supervisor) and the outputs to the same folder.
With two more arguments, a channel to the supervisor and the attempt's lock, it may do more jobs: see
`core.pipeline.workers.serving`.

SIGUSR1, SIGUSR2 or SIGTERM means: save what there is, and give the slot back. Whatever knows of an end in
advance, such as a scheduler with a time limit, sends one of them to this process. Training writes a
checkpoint of its last finished step, other jobs keep the answers that they have; the journal ends with
`Preempted`, and the next attempt goes on from there. It is no failure, and counts as none. With the file
`context.CANCEL` in the folder the same signal means that the user has cancelled the job: the journal ends
with `Stopped`. In both cases the exit code is 1.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from contextlib import closing, nullcontext
from importlib import import_module
from pathlib import Path

from core.config.redaction import without_secrets
from core.domain import troubles
from core.domain.errors import Cancelled, UserError
from core.domain.jobs.job import LOCAL
from core.domain.jobs.results import Result
from core.jobs import files, libraries, logs, processes, stages
from core.jobs import spec as specs
from core.jobs.context import FENCE, JobContext
from core.jobs.journal import Journal, JournalLostError
from core.jobs.records import Done, Failed, Preempted, Started, Stopped
from core.jobs.settings import Settings
from core.pipeline.workers import devices
from core.pipeline.workers.heartbeat import HeartbeatThread

#: Characters of an unexpected error that the store keeps; the log has all of it.
_LONGEST = 400

log = logging.getLogger("worker")


def main(folder: Path) -> int:
    """Run the attempt in `folder`; returns the process's exit code."""
    files.keep_private(folder.parents[3])
    if (folder / FENCE).exists():
        # It waited in an engine's queue until another attempt had taken its place.
        log.error("stopped before it began: another attempt has taken its place")
        return 1
    try:
        journal = Journal(folder)
    except OSError as error:
        # Its folder was removed before it began, or there is no room: nothing can be recorded.
        log.error("stopped before it began: %s", error)
        return troubles.exit_code(error) or 1
    with closing(journal):
        try:
            return _attempt(folder, journal)
        except OSError as error:
            # There is no room for a reason, in the journal or in the log: the exit code says it.
            code = troubles.exit_code(error)
            if code is None:
                raise
            return code
        except JournalLostError as error:
            # Nobody would read what it still does, and it would be done, and paid, again.
            log.error("stopped: %s", error)
            return 1


def _attempt(folder: Path, journal: Journal) -> int:
    try:
        spec, as_written = specs.read_here(folder), specs.read(folder)
    except UserError as error:
        log.error("%s", error)
        journal.write(Failed(str(error)))
        return 1
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(spec.threads)
    if spec.gpu is not None:
        os.environ[devices.VISIBLE] = spec.gpu
    libraries.keep_quiet()
    logs.begin()
    job = JobContext(folder, spec, journal)
    for number in processes.GIVE_BACK:
        signal.signal(number, lambda *_: job.stop.set())
    process = processes.identity(os.getpid())
    journal.write(Started(os.getpid(), socket.gethostname(), process, specs.raw(as_written)))
    log.info("%s %s, attempt %d", spec.stage, spec.name, spec.attempt)
    with nullcontext() if spec.engine == LOCAL else HeartbeatThread(job):
        ending = _ending(job)
    journal.write(ending)
    if isinstance(ending, Done):
        log.info("done")
        return 0
    return 1


def _ending(job: JobContext[Settings]) -> Done | Failed | Stopped | Preempted:
    """Run the job; the last record of its journal. Raises `JournalLostError`."""
    try:
        return Done(_run(job))
    except JournalLostError:
        raise
    except Cancelled:
        if job.is_cancelled:
            log.info("stopped: cancel requested")
            return Stopped()
        log.info("preempted: the slot is given back")
        return Preempted()
    except UserError as error:
        log.error("%s", error)
        return Failed(without_secrets(str(error)))
    except Exception as error:
        # The boundary of the process: the journal must end with any error.
        words = troubles.trouble_in_words(error) or _removed_meanwhile(job, error)
        if words is not None:
            log.error("%s", words)
            return Failed(words)
        log.error("unexpected", exc_info=True)
        what = " ".join(without_secrets(f"{type(error).__name__}: {error}").split())
        return Failed(f"unexpected: {what[:_LONGEST]} (see log.txt)")


def _removed_meanwhile(job: JobContext[Settings], error: Exception) -> str | None:
    """What to do about an input or output of the job that is not there any more; None for other errors."""
    if not isinstance(error, FileNotFoundError) or not isinstance(error.filename, str):
        return None
    path = Path(error.filename)
    places = [job.folder, *map(Path, job.spec.inputs.values())]
    if not any(path.is_relative_to(place) for place in places):
        return None
    return f"{path} was removed while the job ran: retry the job: the file is made again"


def _run(job: JobContext[Settings]) -> Result:
    stage = stages.STAGES[job.spec.stage]
    result: Result = import_module(stage.worker).run(job)
    # A result that the store could not read back must not be journalled as done.
    if type(result) is not stage.result:
        raise TypeError(f"{stage.worker} returned {type(result).__name__}, not {stage.result.__name__}")
    return result


if __name__ == "__main__":
    place, *descriptors = sys.argv[1:]
    if descriptors:
        from core.pipeline.workers import serving

        channel, lock = map(int, descriptors)
        sys.exit(serving.serve(main, Path(place).resolve(), channel, lock))
    sys.exit(main(Path(place).resolve()))
