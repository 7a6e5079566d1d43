"""From ready to the first response: a worker that starts beside one that waits for its next job.

    python -m benchmarks.worker_start [--rounds 3]

The embedded student answers dialogues that are made up, in attempts that are given to the workers as the
supervisor gives them. `started` is the time until the attempt's journal begins, `loaded` until the student is
loaded, `first` until the first responses are in the journal. Rounds alternate; times are medians.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from core.config.schema import Responding, Student
from core.config.workspace import WorkspacePaths
from core.jobs import journal
from core.jobs.records import Failed, Progress, Record, ResponseRecord, Started
from core.jobs.settings import RespondSettings
from core.pipeline.engines.local import LocalEngine
from core.pipeline.workers import warm_workers
from core.store.jobs.job_attempts import Attempt
from core.students.models import loading, model_sources
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

NEW_TOKENS = 4
POLL_S = 0.005
MARKS: dict[str, type[Record]] = {"started": Started, "loaded": Progress, "first": ResponseRecord}

Times = dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    student = Student(model=loading.EMBEDDED)
    local = made_settings.student(loading.EMBEDDED, source=model_sources.identity(student))
    settings = made_settings.responding(local, Responding(max_new_tokens=NEW_TOKENS))
    found: dict[str, list[Times]] = {"cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        numbers = count(1)
        for _ in range(rounds):
            workers = LocalEngine(WorkspacePaths(Path(folder).resolve()))
            for name in found:
                found[name].append(first_response(workers, folder, next(numbers), settings))
            workers.end_waiting()
    print(f"{'':6}" + "".join(f"{mark:>10}" for mark in MARKS))
    for name, times in found.items():
        print(f"{name:6}" + "".join(f"{median(t[mark] for t in times):8.2f} s" for mark in MARKS))
    cold, warm = (median(t["first"] for t in times) for times in found.values())
    print(f"the first response comes {cold / warm:.1f} times sooner")
    return 0


def first_response(workers: LocalEngine, root: str, number: int, settings: RespondSettings) -> Times:
    """The seconds until each mark is in the journal of a new attempt, which has ended on return."""
    workspace = WorkspacePaths(Path(root).resolve())
    folder = job_attempts.attempt(workspace.attempt("respond", number), synthetic_dialogues(16), settings)
    began = time.perf_counter()
    started = workers.start("respond", number, warm_workers.kind(settings, "cpu", 1))
    times: Times = {}
    for name, mark in MARKS.items():
        wait_until(partial(has_one, folder, mark))
        times[name] = time.perf_counter() - began
    relative = folder.relative_to(workspace.root).as_posix()
    attempt = Attempt(
        "respond", number, relative, "running", started.pid, started.host, 0, 0, process=started.process
    )
    wait_until(lambda: not workers.is_alive(attempt))
    workers.ended(attempt)
    if any(isinstance(record, Failed) for record in records(folder)):
        sys.exit((folder / "log.txt").read_text())
    return times


def has_one(folder: Path, mark: type[Record]) -> bool:
    return any(isinstance(record, (mark, Failed)) for record in records(folder))


def records(folder: Path) -> list[Record]:
    return [entry.record for entry, _ in journal.read(folder)]


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(main())
