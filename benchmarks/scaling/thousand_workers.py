"""What a supervisor and the app cost while a thousand workers are at work, beside ten.

    python -m benchmarks.scaling.thousand_workers [--workers N …] [--rate R] [--seconds S] [--probes N]
                                               [--ray]

The workers are simulated: a process appends to their journals what training reports, at `--rate` records a
second and worker, and their locks are held, so that the supervisor takes them for alive; or, with `--ray`,
a dashboard of a Ray cluster says that they run, which the supervisor asks through Ray's own client (needs the
extra `ray`). Supervisor and app are the real ones, the app in a pseudo-terminal on the pipeline screen,
filtered to one job.

- Stored: records a second that came into the store, of those that were written.
- CPU: the share of one core, of all threads. Memory: what the process alone occupies (USS).
- Latency: from before a record is appended to that job's journal to its being painted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil

from benchmarks.keys import program, started
from benchmarks.scaling.simulated_dashboard import dashboard
from benchmarks.store import streams
from benchmarks.terminal import Terminal
from core.api import WorkspacePaths
from core.config.load import load_config
from core.dialogues.importing import staging
from core.domain.jobs.job import LOCAL
from core.jobs.journal import Journal
from core.jobs.records import Progress
from core.pipeline.engines import remote
from core.pipeline.planning import workspace_graph
from core.recipes import catalog
from core.store import connections, workspace_settings
from core.store.connections import transaction
from core.store.dialogues import dialogues as data
from core.store.jobs import job_attempts, jobs
from tests.support.records.synthetic_dialogues import synthetic_dialogues

#: Runs of a student: 21 recipes, two stages.
_RUNS = 42
_CONFIG = """
[teachers.gpt-4o]
provider = "openai"
model = "gpt-4o"
[recipes]
train = {recipes}
"""
_DIALOGUES = 200
#: Steps of the probed job, a number that no other job has.
_STEPS = 7919
#: Wide enough for the column with the steps.
_WINDOW = (160, 40)
_WRITE_S = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--rate", type=float, default=0.5, help="records a second and worker")
    parser.add_argument("--seconds", type=float, default=30.0, help="that CPU is measured over")
    parser.add_argument("--probes", type=int, default=20, help="records whose latency is measured")
    parser.add_argument("--ray", action="store_true", help="workers on a Ray cluster")
    options = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    print(
        f"{'':>9}{'records a second':>18}{'supervisor':>20}{'app':>18}{'latency, ms':>22}\n"
        f"{'workers':>9}{'written':>10}{'stored':>8}{'CPU %':>12}{'MB':>8}{'CPU %':>10}{'MB':>8}"
        f"{'median':>14}{'max':>8}"
    )
    for count in options.workers:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            tasks = [f"empathy-{number}" for number in range(count)] if options.ray else []
            address = stack.enter_context(dashboard(tasks)) if tasks else None
            _measure(_with_workers(WorkspacePaths(Path(folder)), count, address, tasks), options)
    return 0


def _with_workers(
    workspace: WorkspacePaths, count: int, address: str | None, tasks: Sequence[str]
) -> WorkspacePaths:
    """The workspace, with the jobs of as many students as there are workers for, and a worker at each run.

    The workers are the `tasks` of the cluster at `address`, if there is one.
    """
    dialogues = synthetic_dialogues(_DIALOGUES)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    students = (f'[students.s{number}]\nmodel = "m/s{number}"\n' for number in range(-(-count // _RUNS)))
    recipes = json.dumps(catalog.names(imported.sources))
    cluster = "" if address is None else f'[engines.cluster]\ntype = "ray"\naddress = "{address}"\n'
    workspace.config.write_text("".join(students) + _CONFIG.format(recipes=recipes) + cluster)
    plan = workspace_graph.plan(workspace, load_config(workspace.config), imported, {})
    runs = [job.id for job in plan if job.stage in ("sft", "sft-dpo")][:count]
    with closing(connections.writer(workspace.state)) as connection, transaction(connection):
        # Nothing else starts.
        workspace_settings.set_setting(connection, "paused", "1")
        data.replace(connection, imported, dialogues)
        jobs.put(connection, plan)
        for job, task in itertools.zip_longest(runs, tasks):
            folder = workspace.attempt(job, 1)
            folder.mkdir(parents=True)
            engine = LOCAL
            if task is not None:
                (folder / remote.ID).write_text(task)
                engine = "cluster"
            relative = folder.relative_to(workspace.root).as_posix()
            job_attempts.begin_attempt(connection, job, 1, relative, engine=engine)
    return workspace


def _measure(workspace: WorkspacePaths, options: argparse.Namespace) -> None:
    with closing(connections.reader(workspace.state)) as connection:
        running = [attempt.job for attempt in job_attempts.attempts(connection, state="running")]
        probed, others = running[0], running[1:]
        journal = Journal(workspace.attempt(probed, 1))
        (name,) = connection.execute("SELECT name FROM jobs WHERE id = ?", (probed,)).fetchone()
        with (
            _working(workspace, running, others, options.rate) as supervisor,
            Terminal(program(workspace), _WINDOW) as terminal,
        ):
            started(terminal, "dialogues (")
            app = psutil.Process(terminal.pid)
            terminal.press("2")
            terminal.settle()
            terminal.press(f"/{name}\r")
            terminal.settle()
            processes = (supervisor, app)
            before, began = [_cpu(process) for process in processes], time.monotonic()
            stored = streams.stored(workspace)
            time.sleep(options.seconds)
            took = time.monotonic() - began
            shares = [(_cpu(one) - cpu) / took * 100 for one, cpu in zip(processes, before, strict=True)]
            rate = (streams.stored(workspace) - stored) / took
            latencies = [_latency(terminal, journal, number) for number in range(1, options.probes + 1)]
            megabytes = [process.memory_full_info().uss / 1e6 for process in processes]
    print(
        f"{len(running):>9,}{options.rate * len(others):>10,.0f}{rate:>8,.0f}"
        f"{shares[0]:>12.1f}{megabytes[0]:>8.0f}{shares[1]:>10.1f}{megabytes[1]:>8.0f}"
        f"{statistics.median(latencies):>14,.0f}{max(latencies):>8,.0f}",
        flush=True,
    )


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def _latency(terminal: Terminal, journal: Journal, number: int) -> float:
    """Milliseconds until the app has painted a record of the probed job."""
    written = time.perf_counter()
    journal.write(Progress(number, _STEPS, None))
    painted = terminal.wait(lambda: f" {number}/{_STEPS} " in terminal.text())
    if painted is None:
        raise SystemExit(f"record {number} was not painted:\n{terminal.text()}")
    return (painted - written) * 1e3


@contextmanager
def _working(
    workspace: WorkspacePaths, running: Sequence[str], reporting: Sequence[str], rate: float
) -> Iterator[psutil.Process]:
    """A supervisor follows the running jobs, some of which report meanwhile; its process."""
    locked = [workspace.attempt(job, 1) for job in running]
    folders = [workspace.attempt(job, 1) for job in reporting]
    with streams.followed(workspace, locked, _report, folders, rate) as supervisor:
        yield psutil.Process(supervisor.pid)


def _report(folders: Sequence[Path], rate: float, stop: Event) -> None:
    """Append to the workers' journals, one after the other, until it is requested to stop."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    workers = [
        (Journal(folder), streams.steps(folder.parent.name, 0, 100_000, dpo=False)) for folder in folders
    ]
    turns = itertools.cycle(workers)
    began, written = time.monotonic(), 0
    while not stop.wait(_WRITE_S):
        due = int((time.monotonic() - began) * rate * len(workers)) - written
        written += due
        for journal, records in itertools.islice(turns, due):
            journal.write(next(records))


if __name__ == "__main__":
    sys.exit(main())
