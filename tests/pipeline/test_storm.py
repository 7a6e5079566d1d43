"""A short storm: `python -m benchmarks.storm` goes on for as long as wanted."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.storm import round as rounds
from benchmarks.storm import study
from benchmarks.storm.study import Study
from tests import loopback

#: One of most kinds; what asks for a second process as users have it is left to the long one.
FAULTS = [
    "SIGKILL, worker",
    "SIGKILL, supervisor",
    "SIGSTOP, worker",
    "two more supervisors",
    "removed: supervisor.lock",
    "SIGKILL, both",
    "full disk",
    "removed: folder of a running attempt",
    "clock: times of files",
    "removed: state.db-wal",
    "clock: Retry-After",
]


def test_a_study_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    with loopback.running() as api:
        api.faults.content = study.answer
        plan = Study("requests", "batch", "always")
        calm = rounds.run(tmp_path / "calm", api, plan, tmp_path, [], random.Random(0), None)
        assert calm.findings.wrong is None
        assert len(calm.findings.rows["verdicts"]) == 24
        stormy = rounds.run(tmp_path / "storm", api, plan, tmp_path, FAULTS, random.Random(1), calm.findings)
    assert stormy.hit.total() >= 3
    assert stormy.findings.wrong is None, (stormy.hit, stormy.findings.wrong)
