"""What must hold after a round."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.storm.faults import Scene, requests_of
from benchmarks.storm.study import Rows, rows
from core.domain.errors import UserError
from core.jobs import context, journal, spec
from core.jobs.journal import DamagedJournalError
from core.jobs.records import Answer

#: What no process may print, or say as the reason of a failure.
_CRASHES = ("Traceback (most recent call last)", "unexpected:")
_SHOWN = 3


@dataclass
class Findings:
    """What a round left, in numbers, and what is wrong with it, in sentences."""

    rows: Rows
    paid: Counter[tuple[str, str]]
    lost: int = 0
    """Rows of the undisturbed study that are missing."""
    doubled: int = 0
    """Rows that it does not have."""
    orphaned: int = 0
    """Processes that nobody waits for, folders that the store does not know."""
    paid_again: int = 0
    """Requests that were paid more than once because their answers were lost in flight, or with a removed
    folder: the rule allows them."""
    overpaid: int = 0
    """Those that no rule allows."""
    wrong: list[str] | None = None

    def say(self, sentence: str) -> None:
        self.wrong = [*(self.wrong or []), sentence]


def check(scene: Scene, expected: Findings | None, errors: list[str]) -> Findings:
    """Look at everything, once all is done and nothing shall run any more."""
    left = scene.processes.left()
    found = Findings(rows(scene.workspace.state), Counter(scene.api.paid))
    found.orphaned = len(left)
    for line in left:
        found.say(f"still running: {line}")
    _check_store(scene, found)
    _check_texts(scene, found, errors)
    if expected is not None:
        _compare(found, expected)
        _check_paid(scene, found, expected)
    return found


def _check_store(scene: Scene, found: Findings) -> None:
    state = scene.workspace.state
    with closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True)) as connection:
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
        if said != "ok":
            found.say(f"integrity_check: {said}")
        if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
            found.say(f"foreign keys: {broken[:_SHOWN]}")
        known = dict(connection.execute("SELECT folder, seq FROM attempts").fetchall())
        running = connection.execute("SELECT count(*) FROM attempts WHERE state = 'running'").fetchone()[0]
    if running:
        found.say(f"{running} attempts are said to run")
    for folder in scene.attempts():
        name = folder.relative_to(scene.workspace.root).as_posix()
        entries = []
        with suppress(DamagedJournalError):
            entries = [entry for entry, _ in journal.read(folder)]
        # Of a worker that found no spec.json no store could be made, nor has it done anything.
        if entries and name not in known and _has_spec(folder):
            found.orphaned += 1
            found.say(f"{name} is not known to the store")
        elif entries and name in known and known[name] != entries[-1].seq:
            found.say(f"{name}: {known[name]} of {entries[-1].seq} records are in the store")
        if context.is_held(folder):
            found.say(f"{name}: its lock is held")
    places = [scene.workspace.root, scene.workspace.artifacts, *scene.workspace.artifacts.glob("data/*")]
    for place in places:
        aside = [path.name for path in place.glob(".*") if path.is_dir() or "rebuilt" in path.name]
        if aside:
            found.orphaned += len(aside)
            found.say(f"{place.name} has {aside[:_SHOWN]}")


def _has_spec(folder: Path) -> bool:
    with suppress(UserError):
        spec.recover(folder)
        return True
    return False


def _check_texts(scene: Scene, found: Findings, errors: list[str]) -> None:
    texts = {"supervisor.log": scene.processes.logs / "supervisor.log"}
    texts |= {f"{path.parent.parent.name}/{path.name}": path for path in _logs(scene)}
    for name, path in texts.items():
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if _CRASHES[0] in text:
            found.say(f"{name}: {text[text.index(_CRASHES[0]) :][-600:]}")
    for command in scene.processes.commands:
        if _CRASHES[0] in command.text():
            found.say(f"{' '.join(command.words)}: {command.text()[-600:]}")
    for error in errors:
        if error.startswith(_CRASHES[1]):
            found.say(f"a job failed: {error}")


def _logs(scene: Scene) -> list[Path]:
    return [folder / "log.txt" for folder in (*scene.attempts(), *scene.removed)]


def _compare(found: Findings, expected: Findings) -> None:
    for table, wanted in expected.rows.items():
        has, wants = Counter(map(repr, found.rows[table])), Counter(map(repr, wanted))
        missing, extra = wants - has, has - wants
        found.lost += missing.total()
        found.doubled += extra.total()
        if missing or extra:
            shown = [row[:300] for row in (*list(missing)[:_SHOWN], *list(extra)[:_SHOWN])]
            found.say(f"{table}: {missing.total()} rows are missing, {extra.total()} are too many: {shown}")


def _check_paid(scene: Scene, found: Findings, expected: Findings) -> None:
    """Each request is paid once, and once more for each time that its answer was lost."""
    extra = found.paid - expected.paid
    allowed = 0
    for folder in scene.attempts():
        with suppress(DamagedJournalError):
            for entry, _ in journal.read(folder):
                allowed += isinstance(entry.record, Answer) and entry.record.outcome == "lost"
    allowed += sum(len(requests_of(folder)) for folder in scene.removed)
    found.paid_again = min(extra.total(), allowed)
    found.overpaid = extra.total() - found.paid_again
    if found.overpaid:
        what = [json.loads(messages)[-1]["content"][-80:] for _, messages in list(extra)[:_SHOWN]]
        found.say(f"{extra.total()} answers were paid again, and {allowed} may be: {what}")
    if unpaid := expected.paid - found.paid:
        found.say(f"{unpaid.total()} answers were not paid, though they are there")
