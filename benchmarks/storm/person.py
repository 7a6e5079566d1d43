"""What a person does in a storm: requests the work by commands, and repeats or retries what has failed."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.storm.faults import LOOKS
from benchmarks.storm.processes import Command, Processes, Started
from benchmarks.storm.study import CSV, PAIRS, VALIDATED
from core.config.workspace import WorkspacePaths

#: Seconds between two commands that only look.
_LOOK_S = 2.0
#: Seconds between two looks at how far the work is.
_ACT_S = 0.05
_REBUILD = "empathy-tui rebuild"


@dataclass
class Person:
    """Brings a workspace to its end, and counts what that took."""

    workspace: WorkspacePaths
    processes: Processes
    draw: random.Random
    has_run: bool = False
    has_validated: bool = False
    retries: int = 0
    rebuilds: int = 0
    said: list[str] = field(default_factory=list)
    """Errors of failed jobs."""
    _command: Command | None = None
    _read: int = 0
    """How much of the supervisors' log an earlier rebuild has answered."""
    _was_done: bool = False
    """Whether all was requested, and done, at the last look."""
    _last: Started | None = None
    """A supervisor that began after all was done; it sees whether the store is whole."""
    _looked_at: float = field(default_factory=time.monotonic)
    _acted_at: float = 0.0

    def act(self) -> bool:
        """Do the next thing, now and then; whether all is done, and a last supervisor found nothing to do."""
        now = time.monotonic()
        if now - self._acted_at < _ACT_S:
            return False
        self._acted_at = now
        if self._command is not None:
            if self._command.process.poll() is None:
                return False
            self._note_end(self._command)
            self._command = None
        if self._needs_rebuild():
            self._rebuild()
            return False
        if not self.processes.is_supervised():
            if self._was_done and self._last is not None and self._last.poll() == 0:
                return True
            started = self.processes.supervise()
            self._last = started if self._was_done else None
        jobs = self.query("SELECT id, state, error FROM jobs ORDER BY rowid")
        # Where nothing can be read now, nothing is known to be done.
        is_done = bool(jobs) and all(state == "done" for _, state, _ in jobs)
        self._was_done = is_done and self.has_run and self.has_validated
        failed = [(job, error) for job, state, error in jobs if state in ("failed", "cancelled")]
        if not self.query("SELECT 1 FROM dialogues LIMIT 1"):
            self._begin("import", str(self.workspace.root / CSV), "--yes")
        elif not self.has_run:
            self._begin("run")
        elif not self.has_validated:
            self._begin("judge", "validate", VALIDATED, "--pairs", str(PAIRS))
        elif failed:
            job, error = self.draw.choice(failed)
            self.said.append(str(error))
            self.retries += 1
            self._begin("retry", job)
        elif not self._was_done and time.monotonic() - self._looked_at > _LOOK_S:
            self._looked_at = time.monotonic()
            self._begin(*self.draw.choice(LOOKS))
        return False

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the store; none where it cannot be read now."""
        if not self.workspace.state.exists():
            return []
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"{self.workspace.state.as_uri()}?mode=ro", uri=True)) as connection,
        ):
            return connection.execute(sql).fetchall()
        return []

    def _begin(self, *words: str) -> None:
        self._command = self.processes.command(*words)

    def _note_end(self, command: Command) -> None:
        is_ok = command.process.returncode == 0
        match command.words[0]:
            case "run" if is_ok:
                self.has_run = True
            case "judge" if is_ok:
                self.has_validated = True
            case "rebuild" if is_ok:
                self.rebuilds += 1
                # Jobs whose folders were removed are not known any more.
                self.has_run = self.has_validated = False
                log = self.processes.logs / "supervisor.log"
                self._read = log.stat().st_size if log.exists() else 0

    def _needs_rebuild(self) -> bool:
        """Whether the program has said so, since the last time."""
        last = self.processes.commands[-1] if self.processes.commands else None
        if last is not None and last.words[0] != "rebuild" and _REBUILD in last.text():
            return True
        log = self.processes.logs / "supervisor.log"
        text = log.read_bytes()[self._read :].decode(errors="replace") if log.exists() else ""
        if not self.processes.is_supervised() and _REBUILD in text:
            return True
        return any(
            _REBUILD in str(error) for (error,) in self.query("SELECT error FROM jobs WHERE error NOT NULL")
        )

    def _rebuild(self) -> None:
        """Once no supervisor runs."""
        for process in self.processes.supervisors:
            process.kill()
            process.wait()
        if not self.processes.is_supervised():
            self._begin("rebuild", "--yes")
