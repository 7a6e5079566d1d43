"""One round of a storm: a study from its import to its last comparison, under faults."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.storm import checks, evidence, study
from benchmarks.storm.checks import Findings
from benchmarks.storm.disk import small_disk
from benchmarks.storm.faults import FAULTS, NothingToHitError, Scene, Undo
from benchmarks.storm.person import Person
from benchmarks.storm.processes import Processes
from benchmarks.storm.study import Study
from core.domain.errors import UserError
from core.jobs import journal
from tests.loopback import Api
from tests.support import waiting

_TICK_S = 0.005
#: Seconds without a fault, a record, or work of a worker's processor, after which a round is stuck.
_STUCK_S = 150.0
#: Seconds without a fault or a record after which it is stuck, whatever its workers do.
_LOOPS_S = 1800.0
#: Seconds between two looks at what workers do.
_LOOK_S = 5.0
#: The most seconds, or new records, between two faults.
_MAX_S, _MAX_RECORDS = 0.5, 8
_MEGABYTES = 64
_KEYS = ("1", "2", "3", "4", "5", "6", "7", "j", "k", "\t", "?", "\x1b")


@dataclass
class Round:
    """What happened in a round."""

    study: Study
    seconds: float
    hit: Counter[str]
    """Faults by name."""
    after: Counter[str]
    """Faults that came with a new record, by the kind of that record."""
    retries: int
    rebuilds: int
    findings: Findings


@dataclass
class _Weather:
    """When the next fault comes, and what it is."""

    scene: Scene
    left: list[str]
    hit: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    _undo: list[tuple[float, Undo]] = field(default_factory=list)
    _size: int = 0
    _records: int = 0
    _next_at: float = 0.0
    _next_record: int | None = None

    def __post_init__(self) -> None:
        self._plan()

    def _plan(self) -> None:
        """Half of the faults come at a record, half at a time."""
        draw = self.scene.draw
        self._next_at = time.monotonic() + draw.uniform(0, _MAX_S)
        self._next_record = draw.randint(1, _MAX_RECORDS) if draw.random() < 0.5 else None

    def blow(self) -> int:
        """End the faults that have lasted long enough, and begin the next one if it is due.

        Returns the size of all journals.
        """
        now = time.monotonic()
        for until, undo in self._undo:
            if now >= until:
                undo()
        self._undo = [(until, undo) for until, undo in self._undo if now < until]
        size, newest = _journals(self.scene)
        has_grown = size > self._size
        self._size = size
        if has_grown and self._next_record is not None:
            self._next_record -= 1
        due = now >= self._next_at if self._next_record is None else self._next_record <= 0
        if not self.left or not due:
            return size
        # One that meets nothing of its kind waits; another takes its turn.
        for name in list(self.left):
            with suppress(NothingToHitError, OSError):
                ends = FAULTS[name][0](self.scene)
                if ends is not None:
                    self._undo.append((now + self.scene.lasts_s(), ends))
                self.left.remove(name)
                self.hit[name] += 1
                if has_grown and newest is not None:
                    self.after[_last_record(newest)] += 1
                break
        self._plan()
        return size

    def calm(self) -> None:
        """End all faults."""
        for _, undo in self._undo:
            undo()
        self._undo = []


@dataclass
class _Watch:
    """Knows when a round is stuck. On a busy machine one that is not may take long to its next record."""

    processes: Processes
    _recorded: object = None
    _recorded_at: float = 0.0
    _work: object = None
    _worked_at: float = 0.0
    _looked_at: float = 0.0

    def is_stuck(self, recorded: object) -> bool:
        """`recorded` differs after each record and each fault."""
        now = time.monotonic()
        if recorded != self._recorded:
            self._recorded, self._recorded_at, self._worked_at = recorded, now, now
        elif now - self._looked_at > _LOOK_S:
            self._looked_at = now
            # Not of supervisors, nor of commands: they look around for ever.
            workers = []
            for pid in self.processes.worker_pids():
                with suppress(psutil.Error):
                    workers.append(psutil.Process(pid))
            work = waiting.cpu_time(*workers)()
            if work != self._work:
                self._work, self._worked_at = work, now
        return now - self._worked_at > _STUCK_S or now - self._recorded_at > _LOOPS_S


def _journals(scene: Scene) -> tuple[int, Path | None]:
    """The size of all journals, and the one that was written last."""
    size, newest, at = 0, None, 0
    for path in scene.workspace.artifacts.glob(f"jobs/*/*/{journal.NAME}"):
        with suppress(OSError):
            found = path.stat()
            size += found.st_size
            if found.st_mtime_ns > at:
                newest, at = path, found.st_mtime_ns
    return size, newest


def _last_record(path: Path) -> str:
    kind = "none"
    with suppress(OSError, journal.DamagedJournalError):
        for entry, _ in journal.read(path.parent):
            kind = str(entry.record.__struct_config__.tag)
    return kind


@contextmanager
def _scene(
    place: Path, api: Api, plan: Study, student: Path, draw: random.Random, as_program: bool
) -> Iterator[Scene]:
    study.forget(api)
    logs = place / "logs"
    logs.mkdir(parents=True)
    with small_disk(place / "disk", _MEGABYTES) as disk:
        workspace = plan.make(disk.place / "study", api.url, student)
        processes = Processes(workspace, logs, as_program)
        try:
            yield Scene(workspace, processes, api, disk, draw)
        finally:
            processes.end()


def run(
    place: Path,
    api: Api,
    plan: Study,
    student: Path,
    faults: list[str],
    draw: random.Random,
    expected: Findings | None,
    kept: Path,
    *,
    as_program: bool = False,
    with_app: bool = False,
) -> Round:
    """One round in the empty folder `place`; without `faults` it is what others are `expected` to be.

    If it ends wrong, `kept` will be a folder with its files, and with its processes if it was stuck.
    """
    began = time.monotonic()
    with _scene(place, api, plan, student, draw, as_program) as scene:
        weather = _Weather(scene, list(faults))
        person = Person(scene.workspace, scene.processes, draw)
        stuck = _until_done(scene, weather, person, with_app)
        if stuck is not None:
            evidence.keep_processes(scene, kept / "processes")
        weather.calm()
        screen = scene.processes.close_app()
        if stuck is None:
            findings = checks.check(scene, expected, person.said)
        else:
            findings = Findings({}, Counter(), wrong=[stuck])
        if "Traceback" in screen:
            findings.say(f"the app: {screen}")
        if findings.wrong:
            evidence.keep_files(scene, kept)
    return Round(
        plan, time.monotonic() - began, weather.hit, weather.after, person.retries, person.rebuilds, findings
    )


def _until_done(scene: Scene, weather: _Weather, person: Person, with_app: bool) -> str | None:
    """Go on until all is done and no fault is left that could still hit; why not, if it does not end."""
    if with_app:
        scene.processes.open_app()
    watch = _Watch(scene.processes)
    while True:
        size = weather.blow()
        try:
            if person.act():
                return None
        except (UserError, OSError):
            # The workspace is in the middle of something; the next look is better.
            pass
        if scene.processes.app is not None and not scene.processes.app_is_hit and scene.draw.random() < 0.01:
            with suppress(OSError):
                scene.processes.app.press(scene.draw.choice(_KEYS))
            scene.processes.app.skip()
        # Not the commands: those that only look, or repeat a remedy that helps nothing, go on for ever.
        if watch.is_stuck((weather.hit.total(), size)):
            states = person.query("SELECT stage, name, state, attempt, error FROM jobs")
            log = scene.processes.logs / "supervisor.log"
            return f"nothing goes on any more: {states}\n{log.read_text()[-3000:]}"
        time.sleep(_TICK_S)
