"""A short storm: `python -m benchmarks.storm` goes on for as long as wanted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.storm import evidence, processes, study
from benchmarks.storm import round as rounds
from benchmarks.storm.disk import Disk
from benchmarks.storm.faults import Scene
from benchmarks.storm.processes import Processes
from benchmarks.storm.study import Study
from core.pipeline import launch
from tests import loopback
from tests.support import waiting

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
        kept = tmp_path / "kept"
        calm = rounds.run(tmp_path / "calm", api, plan, tmp_path, [], random.Random(0), None, kept)
        assert calm.findings.wrong is None
        assert len(calm.findings.rows["verdicts"]) == 24
        stormy = rounds.run(
            tmp_path / "storm", api, plan, tmp_path, FAULTS, random.Random(1), calm.findings, kept
        )
    assert stormy.hit.total() >= 3
    assert stormy.findings.wrong is None, (stormy.hit, stormy.findings.wrong)


def test_of_a_stuck_round_the_stacks_of_its_processes_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_IDLE_S", "3600")
    workspace = Study("requests", "live", "ask").make(tmp_path / "study", "http://127.0.0.1:9", tmp_path)
    logs, kept = tmp_path / "logs", tmp_path / "kept"
    logs.mkdir()
    started = Processes(workspace, logs)
    with loopback.running() as api:
        supervisor = started.supervise()
        try:
            waiting.wait_until(
                lambda: launch.is_running(workspace)[0], "the supervisor", processes=[supervisor]
            )
            scene = Scene(workspace, started, api, Disk(tmp_path, is_small=False), random.Random(0))
            evidence.keep_processes(scene, kept / "processes")
            evidence.keep_files(scene, kept)
        finally:
            started.end()
    assert str(supervisor.pid) in (kept / "processes" / "all.txt").read_text()
    assert "supervisor.lock" in (kept / "processes" / f"{supervisor.pid}.txt").read_text()
    assert "supervisor.py" in (kept / "logs" / "supervisor.log").read_text()
    assert (kept / "study" / "config.toml").exists()
