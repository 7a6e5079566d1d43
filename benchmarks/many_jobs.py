"""What 10,000 jobs and 200,000 dialogues cost, beside the 627 jobs and 2,000 dialogues of the big store.

    python -m benchmarks.many_jobs [--runs N] [--only commands|supervisor|app …]
                                            [--screens NAME …] [--idle S]

Both stores (`benchmarks.store.big_store`) are measured in turns, so a busy machine slows both. All times but
those of keys are the processor's.

- Commands: each command that only reads, as a process; the store's pages are put out of the system's cache
  first for `cold`. Megabytes are the most that the process occupied.
- Supervisor, in this process: what follows from config.toml, an intent to start all of it, the tick after it,
  a tick after one job changed, and one in which nothing did.
- App, in a pseudo-terminal: opening every screen, keys, then idling on each, and its memory at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks import keys
from benchmarks.store import big_store
from benchmarks.streaming import opened
from core.api import WorkspacePaths
from core.config.load import load_config
from core.pipeline.planning import workspace_graph
from core.pipeline.supervision.supervisor import Supervisor
from core.store import connections, intents, workspace_settings
from core.store.connections import transaction
from core.store.dialogues import dialogues as stored_dialogues
from core.store.jobs import jobs
from tui.navigation.bindings import SCREENS

PARTS = ("commands", "supervisor", "app")
_JOB = "sft:llama-8b/direct/chatgpt/sft"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("status", "--json"),
    ("data",),
    ("recipes",),
    ("run", "--dry-run"),
    ("batches",),
    ("winrates",),
    ("winrates", "--json"),
    ("winrates", "recipes"),
    ("winrates", "ranking"),
    ("winrates", "judges"),
    ("winrates", "votes"),
    ("winrates", "tests"),
    ("judge", "plan"),
    ("pairs", "human", "chatgpt"),
    ("prompts",),
    ("logs", _JOB),
    ("doctor",),
)

Stores = dict[str, WorkspacePaths]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [name for name, _, _ in SCREENS]
    parser.add_argument("--runs", type=int, default=3, help="of each command")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--command", nargs="+", help="only this command")
    parser.add_argument("--screens", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--presses", type=int, default=20, help="keys that move the cursor, on each screen")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds on each screen, idle")
    options = parser.parse_args()
    stores = {
        "627 jobs": big_store.made(),
        "10,000 jobs": big_store.made(big_store.MANY_JOBS_FOLDER, big_store.MANY_JOBS),
    }
    if "commands" in options.only:
        commands(stores, options.runs, [tuple(options.command)] if options.command else COMMANDS)
    if "supervisor" in options.only:
        supervisor(stores)
    if "app" in options.only:
        app(stores, options.screens, options.presses, options.idle)
    return 0


def commands(stores: Stores, runs: int, wanted: Sequence[Sequence[str]]) -> None:
    """Print the processor's seconds and the memory of each command, in each store."""
    print(f"{'command':<22}" + "".join(f"{name + ', CPU s':>20}{'ratio':>7}{'MB':>6}" for name in stores))
    for command in wanted:
        rows = ["cold", "warm"] if command[0] == "status" else ["warm"]
        for row in rows:
            print(f"{' '.join(command)[:16]:<17}{row if len(rows) > 1 else '':<5}", end="", flush=True)
            found: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for _ in range(runs):
                for name, workspace in stores.items():
                    if row == "cold":
                        _forget(workspace.state)
                    found[name].append(_command(workspace, command))
            base = statistics.median(seconds for seconds, _ in next(iter(found.values())))
            for times in found.values():
                seconds = statistics.median(seconds for seconds, _ in times)
                most = max(megabytes for _, megabytes in times)
                print(f"{seconds:>20.2f}{seconds / base:>7.1f}{most:>6.0f}", end="")
            print(flush=True)


def _command(workspace: WorkspacePaths, command: Sequence[str]) -> tuple[float, float]:
    """The processor's seconds that the command took, and the megabytes that it occupied."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "--read-only", "--workspace", str(workspace.root), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    # `doctor` is 1 where something is amiss.
    if process.returncode and command[0] != "doctor":
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}: {said}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _forget(path: Path) -> None:
    """Put a file out of the system's cache."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def supervisor(stores: Stores) -> None:
    """Print the milliseconds that a supervisor's work takes, in a copy of each store; nothing runs."""
    found = {name: _supervised(workspace) for name, workspace in stores.items()}
    print(f"{'supervisor':<40}" + "".join(f"{name + ', CPU ms':>22}" for name in stores) + f"{'ratio':>8}")
    for what in next(iter(found.values())):
        times = [one[what] for one in found.values()]
        print(f"{what:<40}" + "".join(f"{time:>22.2f}" for time in times) + f"{times[-1] / times[0]:>8.1f}")


def _supervised(source: WorkspacePaths) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = WorkspacePaths(Path(folder))
        for path in (source.state, source.config):
            shutil.copy(path, workspace.root / path.name)
        workspace.artifacts.mkdir()
        found: dict[str, float] = {}

        def timed(what: str, work: Callable[[], object], times: int = 1) -> None:
            began = time.process_time()
            for _ in range(times):
                work()
            found[what] = (time.process_time() - began) / times * 1e3

        with closing(connections.writer(workspace.state)) as connection:
            # Nothing may start here.
            workspace_settings.set_setting(connection, "paused", "1")
            connection.execute("UPDATE attempts SET state = 'cancelled' WHERE state = 'running'")
            connection.execute("UPDATE jobs SET state = 'cancelled' WHERE state = 'running'")
            imported = stored_dialogues.imported(connection)
            assert imported is not None
            config = load_config(workspace.config)
            timed("the graph", lambda: workspace_graph.plan(workspace, config, imported, {}))
            changed = connection.execute("SELECT id FROM jobs WHERE state = 'waiting' LIMIT 1").fetchone()[0]
            boss = Supervisor(workspace)
            timed("its first tick", boss.tick)
            intents.add(connection, intents.Start())
            timed("a tick that starts everything", boss.tick)

            def one_changed() -> None:
                jobs.set_progress(connection, changed, 1, 2, None)
                boss.tick()

            timed("a tick after progress", one_changed, 20)

            def one_ended() -> None:
                with transaction(connection):
                    jobs.set_state(connection, changed, "waiting")
                boss.tick()

            timed("a tick after a job's state changed", one_ended, 20)
            timed("a tick without a change", boss.tick, 20)
            boss.connection.close()
        return found


def app(stores: Stores, screens: Sequence[str], presses: int, seconds: float) -> None:
    """Print how long screens and keys take in each store, and what the app takes while it idles."""
    for name, workspace in stores.items():
        print(f"app, {name}")
        found: keys.Found = defaultdict(lambda: defaultdict(list))
        with big_store.supervised(workspace):
            keys.plain_table(found, (120, 40), presses)
            keys.screens(found, workspace, screens, (120, 40), presses)
            keys.show(found)
            _idle(workspace, screens, seconds)


def _idle(workspace: WorkspacePaths, screens: Sequence[str], seconds: float) -> None:
    """The share of a core that the program takes on each screen once all were open, and its memory."""
    known = [screen for screen in SCREENS if screen[0] in screens]
    with opened(workspace) as terminal:
        process = psutil.Process(terminal.pid)
        for _, key, _ in known:
            terminal.press(key)
            terminal.settle()
        for name, key, _ in known:
            terminal.press(key)
            terminal.settle()
            before = sum(process.cpu_times()[:2])
            time.sleep(seconds)
            taken = (sum(process.cpu_times()[:2]) - before) / seconds * 100
            print(f"  idle on {name:<12}{taken:>7.2f} % of a core", flush=True)
        print(f"  memory {process.memory_full_info().uss / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
