"""Tours of the app as asciinema recordings: what a user presses, and what the running app answers.

python -m docs.generator.tours [NAME …] [--check]

The real program runs in a pseudo-terminal on the workspace of the screenshots. Each step is pressed once the
screen shows what the step before waits for, and is written with a time of its own, so that a slow machine
makes no slow tour. It fails when a screen does not show what it must. With --check the recordings go nowhere,
and it fails, too, when those in docs/tours show other words. `asciinema play docs/tours/NAME.cast` plays one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from unittest.mock import patch

import pyte
from pyte.screens import Char

from benchmarks.terminal import Terminal
from core.api import WorkspacePaths, open_workspace
from core.jobs import locks
from docs.generator import scene, tiny_study
from tests.support import waiting

FOLDER = Path(__file__).resolve().parents[1] / "tours"
SIZE = (110, 32)
#: Seconds between two typed letters of a recording.
_TYPED_S = 0.09
#: Screens that stand shorter than this are on the way to others.
_STANDS_S = 0.45
#: What a screen says while it waits for data.
_UNFINISHED = re.compile(r"\b(reading|measuring|computing)\b.*…")
#: A line of a message that covers a part of the screen for some seconds.
_MESSAGE = re.compile(r"▌ +\S")
#: Words that depend on the machine, or on how far the jobs have come when a screen is looked at.
_CHANCE = frozenset({"ETA", "cores", "cpu", "GB", "GPU", "gpu", "memory", "mem", "NVIDIA"})
#: A toast that reports the end of a job comes at any moment, and goes after some seconds.
_REPORT = re.compile(r"▌ (?:[✓✗⊘] |.*\bafter ).*")
#: The bottom of a panel has the host's name; a dialog may cover its middle.
_BOTTOM = re.compile(r"╰[^│╯]*|[^│╰]*╯")
WORD = re.compile(r"[^\W\d_]{2,}")
ENTER, ESCAPE, BACKSPACE = "\r", "\x1b", "\x7f"


def make_workspace(root: Path) -> WorkspacePaths:
    """The workspace of the screenshots, in which nothing runs or waits: the tours may write to it."""
    with patch.object(scene, "NOW", time.time()):
        workspace = scene.make(root)
    with closing(sqlite3.connect(workspace.state)) as connection, connection:
        connection.execute("DELETE FROM attempts WHERE job IN (SELECT id FROM jobs WHERE state != 'done')")
        connection.execute("DELETE FROM jobs WHERE state != 'done'")
    return workspace


@dataclass(frozen=True)
class Step:
    """Keys, the words that the screen then shows, and for how long the viewer reads it.

    `is_clear` waits until no message covers a part of the screen.
    """

    keys: str
    shows: str
    reads_s: float = 2.5
    is_clear: bool = False


@dataclass(frozen=True)
class Tour:
    """A question of a user, and the steps to its answer. A step without keys waits, the first for the app."""

    question: str
    steps: Sequence[Step]
    make: Callable[[Path], WorkspacePaths] = make_workspace
    """Makes the workspace."""


TOURS: Mapping[str, Tour] = {
    "who-wins": Tour(
        "Who wins, and is it decided?",
        (
            Step("", "Who wins", 4),
            Step("5", "comparisons", 3),
            Step("jjj", "vs.", 3),
            Step("d", "length-controlled", 4),
            Step(ESCAPE, "comparisons", 1),
            Step("R", "log-strengths", 4),
        ),
    ),
    "most-different-dialogue": Tour(
        "On which dialogue do two models differ most?",
        (
            Step("", "Who wins", 1.5),
            Step("5", "comparisons", 2),
            Step(ENTER, "margin", 3),
            Step(">>>>", "by margin", 2.5),
            Step("I", "reversed", 2),
            Step("g", "1/16", 3),
            Step("w", "1/16", 3),
            Step("v", "R shows the judge's prompt", 4),
        ),
    ),
    "report": Tour(
        "A report of the results, from the app",
        (
            Step("", "Who wins", 1.5),
            Step(":", "Search for commands", 1.5),
            Step("report", "Write tables, plots and a page", 2),
            Step(ENTER, "all judges", 2),
            Step(ENTER, "y copies the path", 4),
        ),
    ),
    "try-the-model": Tour(
        "Try the model on a sentence of one's own",
        (
            Step("", "Stages", 1.5),
            Step("9", "greedy", 2),
            Step(ENTER, "Situation", 0.5),
            Step(tiny_study.SITUATION, tiny_study.SITUATION, 1),
            Step(ENTER, "Utterance", 0.5),
            Step(tiny_study.UTTERANCE, tiny_study.UTTERANCE, 1),
            Step(ENTER, "turn 2 of a conversation", 5),
        ),
        partial(tiny_study.make, is_trained=True),
    ),
    "change-epochs": Tour(
        "Change the epochs, see what that does, run, and compare both",
        (
            Step("", "Stages", 1.5),
            Step(",", "settings,", 2),
            Step("/", "a part of a setting", 0.5),
            Step("epochs", "4 of", 1),
            Step(ENTER, "Passes over the training data", 1.5),
            Step(ENTER, "empty for the default", 1),
            Step(BACKSPACE, "empty for the default", 0.5),
            Step("2", "empty for the default", 1),
            Step(ENTER, "superseded", 4),
            Step("w", "config.toml has changed", 3),
            Step("2", "not started", 1.5),
            Step("jj", "needs     · recipe", 1.5),
            Step("s", "▶ running      sft ", 2),
            Step("", "✓ done         sft ", 2, is_clear=True),
            Step("4", "num_train_epochs", 3),
            Step(" j ", "Different", 4),
            Step("v", "95 % interval", 4),
        ),
        tiny_study.make,
    ),
    "add-a-recipe": Tour(
        "Add a recipe, and train on it",
        (
            Step("", "Stages", 1.5),
            Step(",", "settings,", 2),
            Step("v", "improve-human", 2.5),
            Step("j", "direct", 1.5),
            Step(" ", "not saved", 4),
            Step("w", "config.toml has changed", 3),
            Step("2", "sft", 1.5),
            Step("/", "a part of a state", 0.5),
            Step("gemini", "3 of", 1),
            Step(ENTER, "tiny/direct/gemini/sft", 0.5),
            Step("j", "needs     · recipe", 1.5),
            Step("s", "▶ running      sft ", 2),
            Step("", "✓ done         sft ", 2, is_clear=True),
            Step("4", "num_train_epochs", 4),
        ),
        tiny_study.make,
    ),
}


def record(tour: Tour, workspace: WorkspacePaths) -> list[tuple[float, str]]:
    """The output of the app at its times in the recording. Raises `StalledError` if a step shows nothing."""
    events: list[tuple[float, str]] = []
    at = 0.0
    lines: list[str] = []
    command = [sys.executable, "-m", "tui", "--workspace", str(workspace.root)]
    with Terminal(command, SIZE) as terminal:
        for step in tour.steps:
            pressed = list(step.keys) if step.keys.isprintable() else [step.keys]
            for place, key in enumerate(pressed or [""]):
                if key:
                    terminal.press(key)
                if place < len(pressed) - 1:
                    # Type-ahead is tested elsewhere; here each key is seen.
                    terminal.settle(quiet_s=0.15)
                    lines = _add(events, at, lines, terminal)
                    at += _TYPED_S
            waiting.wait_until(
                partial(_shows, terminal, step),
                f"{step.shows!r} after {step.keys!r}",
                progress=terminal.text,
                show=terminal.text,
            )
            lines = _add(events, at, lines, terminal)
            at += step.reads_s
    return [*events, (at, "")]


def cast(tour: Tour, events: Sequence[tuple[float, str]]) -> str:
    """The recording in asciinema's format, version 2: a header, then a line for each output."""
    columns, lines = SIZE
    header = {
        "version": 2,
        "width": columns,
        "height": lines,
        "title": tour.question,
        "env": {"TERM": "xterm-256color"},
    }
    rows = [json.dumps(header), *(json.dumps([round(at, 3), "o", data]) for at, data in events)]
    return "\n".join(rows) + "\n"


def words(recording: str) -> set[str]:
    """The words on the screens of a recording, without those that differ from one recording to the next."""
    header, *rows = map(json.loads, recording.splitlines())
    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    found: set[str] = set()
    for row, after in zip_longest(rows, rows[1:]):
        stream.feed(row[2])
        if after is None or after[0] - row[0] >= _STANDS_S:
            lines = (_BOTTOM.sub("", _REPORT.sub("", line)) for line in screen.display)
            found.update(WORD.findall("\n".join(lines)))
    return found - _CHANCE


def _differences(name: str, recordings: Sequence[str]) -> str | None:
    """How the recording in the docs differs from each of these; None if no word does."""
    path = FOLDER / f"{name}.cast"
    if not path.is_file():
        return "there is no recording of it"
    before, now = words(path.read_text(encoding="utf-8")), [words(one) for one in recordings]
    parts = [
        f"{what}: {', '.join(sorted(found))}"
        for what, found in (
            ("gone", before.difference(*now)),
            ("new", set.intersection(*now) - before),
        )
        if found
    ]
    return "; ".join(parts) or None


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the tours of the app.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TOURS)}; by default all")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on outdated recordings")
    options = parser.parse_args()
    outdated = False
    for name in options.names or TOURS:
        recordings = [_made(TOURS[name])]
        print(f"{name}: {len(recordings[0]) / 1000:.0f} kB")
        if not options.check:
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / f"{name}.cast").write_text(recordings[0], encoding="utf-8")
        elif _differences(name, recordings) is not None:
            # What one recording shows or misses by chance, another does not.
            recordings.append(_made(TOURS[name]))
            if (differences := _differences(name, recordings)) is not None:
                outdated = True
                print(f"  outdated: {differences}")
    return int(outdated)


def _made(tour: Tour) -> str:
    """A recording in a workspace of its own, which is gone afterwards."""
    # Screens show its name, which has no letters that differ from one recording to the next.
    home = Path(tempfile.gettempdir(), f"tour-{os.getpid():07}")
    home.mkdir()
    os.environ["HOME"] = str(home)
    try:
        workspace = tour.make(home / "study")
        try:
            return cast(tour, record(tour, workspace))
        finally:
            _end_processes(workspace)
    finally:
        shutil.rmtree(home)


def _end_processes(workspace: WorkspacePaths) -> None:
    """End what works for the workspace in the background, before its folder goes."""
    with open_workspace(workspace) as opened:
        opened.playground.stop()
    for lock in (workspace.lock, workspace.playground / "worker.lock"):
        is_free = partial(_is_free, lock, ends=lock == workspace.lock)
        waiting.wait_until(is_free, f"the process that has {lock}")


def _is_free(lock: Path, *, ends: bool) -> bool:
    """Whether no process has the lock; `ends` requests the end of the one that has it."""
    if not locks.is_held(lock):
        return True
    with suppress(ValueError, ProcessLookupError, OSError):
        if ends:
            os.kill(int(lock.read_text()), signal.SIGTERM)
    return False


def _shows(terminal: Terminal, step: Step) -> bool:
    """Whether the screen has the step's words, and all else, once it does not change any more."""
    terminal.settle(quiet_s=0.4)
    text = terminal.text()
    is_covered = step.is_clear and _MESSAGE.search(text) is not None
    return step.shows in text and not is_covered and not _UNFINISHED.search(text)


def _add(events: list[tuple[float, str]], at: float, before: list[str], terminal: Terminal) -> list[str]:
    """Add what has changed on the screen since it had these lines, and return its lines.

    The app's own output draws most of the screen several times, and would take ten times as much.
    """
    lines = [_line(terminal, row) for row in range(terminal.screen.lines)]
    shown = before or [""] * len(lines)
    changed = [f"\x1b[{row + 1};1H{line}" for row, line in enumerate(lines) if line != shown[row]]
    if changed:
        events.append((at, "".join(changed)))
    return lines


def _line(terminal: Terminal, row: int) -> str:
    """A line of the screen, with an escape sequence wherever its look changes."""
    cells, parts, look = terminal.screen.buffer[row], [], ""
    for column in range(terminal.screen.columns):
        cell = cells[column]
        wanted = f"\x1b[0{_attributes(cell)}{_colour(38, cell.fg)}{_colour(48, cell.bg)}m"
        # Pyte leaves the second cell of a wide character empty.
        parts.append((wanted if wanted != look else "") + cell.data)
        look = wanted
    return "".join(parts) + "\x1b[0m"


def _attributes(cell: Char) -> str:
    codes = ((cell.bold, 1), (cell.italics, 3), (cell.underscore, 4), (cell.reverse, 7))
    return "".join(f";{code}" for is_set, code in codes if is_set)


def _colour(code: int, colour: str) -> str:
    """A colour as pyte has it: six hexadecimal digits, or a name, of which the app uses only the default."""
    try:
        red, green, blue = bytes.fromhex(colour)
    except ValueError:
        return ""
    return f";{code};2;{red};{green};{blue}"


if __name__ == "__main__":
    sys.exit(main())
