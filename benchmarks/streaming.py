"""What the app costs while ten jobs stream 50 records a second each, and while nothing moves.

    python -m benchmarks.streaming [--folder DIR] [--screens NAME …] [--seconds S] [--minutes M]
                                       [--idle S] [--limit-tick MS] [--limit-growth PERCENT]
                                       [--limit-idle PERCENT]

A copy of the store with a million records; the real supervisor follows ten journals that a process appends to
as workers do, and the real program shows it in a pseudo-terminal, in one screen after the other.

- Tick: the time that the UI's thread, the program's first one, spends on a processor (the kernel's count, in
  nanoseconds) within as long as the poller waits between two looks. Such windows begin every 10 ms, so each
  tick lies whole in some of them, with all that came of it: the snapshot, the answers to the screen's
  queries, the painting. None is cut in two, and no window can hold two, so p95 and max are at least a tick's.
- Cost: what all threads of the program take of one core.
- Key: from pressing `j`, `k` or what moves on the screen to its being painted, meanwhile.
- Memory: what the program alone occupies (USS), each second, while it goes from screen to screen, some rounds
  after its start: the medians of ten parts of the time, and what its slope makes of an hour.
- Idle: all threads' share of one core where jobs run and nothing comes of them, and where none runs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from scipy.stats import theilslopes

from benchmarks.keys import CURSOR, MOVES, Hand, p95, program, started
from benchmarks.store import big_store
from benchmarks.store.streams import streamed
from benchmarks.terminal import Terminal
from core.api import WorkspacePaths
from core.store import connections
from tui.app.polling.poller import LOOK_S
from tui.navigation.bindings import SCREENS

Screen = tuple[str, str, str]

_SAMPLE_S = 0.01
#: Keys pressed on each screen while it streams.
_PRESSES = 20
#: While the memory is watched: seconds on each screen, and rounds through them before it counts.
_STAY_S, _ROUNDS = 5.0, 3
_NAMES = [name for name, _, _ in SCREENS]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=big_store.FOLDER)
    parser.add_argument("--screens", nargs="+", choices=_NAMES, default=_NAMES, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=20.0, help="on each screen, streaming; 0 for none")
    parser.add_argument("--minutes", type=float, default=6.0, help="of watching the memory; 0 for none")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds on each screen, idle; 0 for none")
    parser.add_argument("--limit-tick", type=float, help="exit with 1 when a tick's p95 is above, in ms")
    parser.add_argument("--limit-growth", type=float, help="exit with 1 above, in per cent an hour")
    parser.add_argument("--limit-idle", type=float, help="exit with 1 above, in per cent of a core")
    options = parser.parse_args()
    screens = [screen for screen in SCREENS if screen[0] in options.screens]
    source = big_store.made(options.folder.resolve())
    found: dict[str, float] = {}
    if options.seconds or options.minutes:
        with copied(source) as workspace, streamed(workspace), opened(workspace) as terminal:
            if options.seconds:
                found["tick"] = busy(terminal, screens, options.seconds)
            if options.minutes:
                found["growth"] = memory(terminal, screens, options.minutes * 60)
    if options.idle:
        with copied(source) as workspace, big_store.supervised(workspace):
            idle(workspace, screens, options.idle, "jobs under way")
            with closing(connections.writer(workspace.state)) as connection:
                connection.execute("UPDATE attempts SET state = 'cancelled' WHERE state = 'running'")
                connection.execute("UPDATE jobs SET state = 'cancelled' WHERE state = 'running'")
            found["idle"] = idle(workspace, screens, options.idle, "nothing runs")
    return verdict(options, found)


def verdict(options: argparse.Namespace, found: dict[str, float]) -> int:
    """1 when something is above its limit, which is said."""
    code = 0
    for name, unit in (("tick", "ms"), ("growth", "% an hour"), ("idle", "% of a core")):
        limit = getattr(options, f"limit_{name}")
        if limit is not None and name in found and found[name] > limit:
            print(f"{name}: {found[name]:.1f} {unit}; the limit is {limit:.1f}")
            code = 1
    return code


@contextmanager
def copied(source: WorkspacePaths) -> Iterator[WorkspacePaths]:
    """A copy of the workspace, which goes with what is done to it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "study"
        shutil.copytree(source.root, root)
        yield WorkspacePaths(root)


@contextmanager
def opened(workspace: WorkspacePaths) -> Iterator[Terminal]:
    with Terminal(program(workspace)) as terminal:
        started(terminal, "dialogues (")
        yield terminal


def busy(terminal: Terminal, screens: Sequence[Screen], seconds: float) -> float:
    """What a tick costs on each screen; the worst p95 in milliseconds."""
    print(
        f"{'streaming':<12}{'tick p50':>9}{'p95':>7}{'max':>7} ms{'UI thread':>11} %{'all threads':>13} %",
        end="",
    )
    print(f"{'key p50':>10}{'p95':>7}{'max':>7} ms")
    process, worst = psutil.Process(terminal.pid), 0.0
    for name, key, _ in screens:
        terminal.press(key)
        time.sleep(2.0)
        before = sum(process.cpu_times()[:2])
        samples = _ui_times(terminal.pid, seconds)
        whole = sum(process.cpu_times()[:2]) - before
        ticks = _windows(samples)
        taken = (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])
        worst = max(worst, p95(ticks))
        print(
            f"{name:<12}{statistics.median(ticks) * 1e3:>9.1f}{p95(ticks):>7.1f}{max(ticks) * 1e3:>7.1f}   "
            f"{taken * 100:>11.1f}  {whole / seconds * 100:>13.1f}  ",
            end="",
            flush=True,
        )
        times: dict[str, list[float]] = {"move": []}
        Hand(terminal, CURSOR, times).move("move", MOVES.get(name, ("j", "k")), _PRESSES)
        if times["move"]:
            middle, most = statistics.median(times["move"]) * 1e3, max(times["move"]) * 1e3
            print(f"{middle:>10.0f}{p95(times['move']):>7.0f}{most:>7.0f}")
        else:
            print(f"{'—':>10}")
    return worst


def _ui_times(process: int, seconds: float) -> list[tuple[float, float]]:
    """(now, seconds that the process's first thread has spent on a processor), again and again."""
    path = Path(f"/proc/{process}/task/{process}/schedstat")
    found, until = [], time.perf_counter() + seconds
    while (now := time.perf_counter()) < until:
        found.append((now, int(path.read_text().split()[0]) / 1e9))
        time.sleep(_SAMPLE_S)
    return found


def _windows(samples: Sequence[tuple[float, float]]) -> list[float]:
    """What was spent within LOOK_S from each sample on."""
    times = [now for now, _ in samples]
    ends = [bisect_left(times, now + LOOK_S) for now in times]
    return [samples[end][1] - samples[at][1] for at, end in enumerate(ends) if end < len(samples)]


def memory(terminal: Terminal, screens: Sequence[Screen], seconds: float) -> float:
    """How much memory the program takes; the growth in per cent that its slope makes of an hour."""
    process, began, at = psutil.Process(terminal.pid), time.perf_counter(), 0
    warm = _ROUNDS * len(screens) * _STAY_S
    found: list[tuple[float, float]] = []
    while (now := time.perf_counter() - began - warm) < seconds:
        if now + warm > at * _STAY_S:
            terminal.press(screens[at % len(screens)][1])
            at += 1
        if now > 0:
            found.append((now, process.memory_full_info().uss / 1e6))
        terminal.skip()
        time.sleep(1.0)
    times, sizes = zip(*found, strict=True)
    tenth = max(1, len(sizes) // 10)
    parts = [statistics.median(sizes[part * tenth : (part + 1) * tenth]) for part in range(10)]
    # The median of all slopes between two moments: a screen more or less at either end does not matter.
    slope = theilslopes(sizes, times).slope * 3600 / statistics.median(sizes) * 100
    print(f"memory in MB, {_ROUNDS} rounds later: " + " ".join(f"{part:.1f}" for part in parts))
    print(
        f"{(parts[-1] / parts[0] - 1) * 100:+.1f} % in {seconds / 60:.0f} minutes; "
        f"an hour at Theil and Sen's slope {slope:+.1f} %"
    )
    return float(slope)


def idle(workspace: WorkspacePaths, screens: Sequence[Screen], seconds: float, what: str) -> float:
    """What all threads take of a core on each screen; the most of them, in per cent."""
    print(f"idle, {what}:")
    worst = 0.0
    with opened(workspace) as terminal:
        process = psutil.Process(terminal.pid)
        for name, key, _ in screens:
            terminal.press(key)
            terminal.settle()
            before = sum(process.cpu_times()[:2])
            time.sleep(seconds)
            taken = (sum(process.cpu_times()[:2]) - before) / seconds * 100
            worst = max(worst, taken)
            print(f"  {name:<12}{taken:>6.2f} % of a core", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
