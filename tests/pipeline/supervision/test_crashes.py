"""SIGKILL for supervisors and workers at every kind of moment: the work ends as if nothing had been.

What must hold: the same rows as without a crash, every journalled record in the store, and no step
done twice but the one that was in flight when a worker died.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import intents

if TYPE_CHECKING:
    from tests.pipeline.conftest import Rows, SupervisedWorkspace

#: More C calls than a counting worker makes before its last record.
CALLS = 1500

crashing = settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_supervisor_killed_at_every_write(make_supervised: Callable[[], SupervisedWorkspace]) -> None:
    """Between any two statements of any transaction of a job's whole life."""

    def life(kill_at: int) -> tuple[int, Rows]:
        supervised = make_supervised()
        supervised.set_plan(steps=2)
        supervised.ask(intents.Start(targets=("recipe",)))
        code = supervised.finish(kill_at=kill_at)
        assert supervised.finish() == 0, supervised.story()
        assert set(supervised.steps().values()) == {1}, (kill_at, supervised.steps())
        supervised.assert_journals_are_in()
        return code, supervised.rows()

    code, expected = life(0)
    assert code == 0
    assert expected["jobs"][0][1] == "done"
    with ThreadPoolExecutor(4) as pool:
        for first in count(1, 12):
            lives = list(pool.map(life, range(first, first + 12)))
            assert all(rows == expected for _, rows in lives)
            if any(code == 0 for code, _ in lives):
                break
            assert {code for code, _ in lives} == {-signal.SIGKILL}


@settings(crashing, max_examples=4)
@given(kills=st.lists(st.integers(6, 60), min_size=2, max_size=10))
def test_supervisor_killed_again_and_again(
    make_supervised: Callable[[], SupervisedWorkspace], undisturbed_rows: Rows, kills: list[int]
) -> None:
    supervised = make_supervised()
    supervised.ask(intents.Start())
    for kill_at in kills:
        supervised.finish(kill_at=kill_at)
    assert supervised.finish() == 0, supervised.story()
    assert supervised.rows() == undisturbed_rows
    assert set(supervised.steps().values()) == {1}
    supervised.assert_journals_are_in()


@crashing
@given(kills=st.lists(st.integers(1, CALLS), min_size=1, max_size=4))
def test_workers_killed_anywhere(
    make_supervised: Callable[[], SupervisedWorkspace], undisturbed_rows: Rows, kills: list[int]
) -> None:
    supervised = make_supervised()
    (supervised.workspace.root / "kills.json").write_text(json.dumps(kills))
    supervised.ask(
        intents.Start(
            targets=(
                "judge",
                "sft",
            )
        )
    )
    assert supervised.finish() == 0, supervised.story()
    _assert_only_the_step_in_flight_was_repeated(supervised, undisturbed_rows)


@crashing
@given(
    kills=st.lists(st.integers(1, CALLS), min_size=1, max_size=3),
    supervisors=st.lists(st.integers(6, 60), min_size=1, max_size=6),
)
def test_supervisor_and_workers_killed(
    make_supervised: Callable[[], SupervisedWorkspace],
    undisturbed_rows: Rows,
    kills: list[int],
    supervisors: list[int],
) -> None:
    supervised = make_supervised()
    (supervised.workspace.root / "kills.json").write_text(json.dumps(kills))
    supervised.ask(
        intents.Start(
            targets=(
                "judge",
                "sft",
            )
        )
    )
    for kill_at in supervisors:
        supervised.finish(kill_at=kill_at)
    assert supervised.finish() == 0, supervised.story()
    _assert_only_the_step_in_flight_was_repeated(supervised, undisturbed_rows)


def _assert_only_the_step_in_flight_was_repeated(
    supervised: SupervisedWorkspace, undisturbed_rows: Rows
) -> None:
    wanted = {job for (job,) in supervised.query("SELECT id FROM jobs")}
    assert supervised.rows() == {
        table: [row for row in rows if row[0] in wanted] for table, rows in undisturbed_rows.items()
    }
    supervised.assert_journals_are_in()
    deaths = dict(supervised.query("SELECT job, count(*) FROM attempts WHERE state = 'lost' GROUP BY job"))
    repeats: dict[str, int] = {}
    for (job, _), times in supervised.steps().items():
        repeats[job] = repeats.get(job, 0) + times - 1
    assert all(times <= deaths.get(job, 0) for job, times in repeats.items()), (deaths, repeats)


@pytest.mark.parametrize("worker", [1, 2, 3])
def test_supervisor_killed_between_an_attempts_row_and_its_worker(
    make_supervised: Callable[[], SupervisedWorkspace], undisturbed_rows: Rows, worker: int
) -> None:
    supervised = make_supervised()
    supervised.ask(intents.Start())
    assert supervised.finish(kill_at=-worker) == -signal.SIGKILL
    assert supervised.finish() == 0, supervised.story()
    assert supervised.rows() == undisturbed_rows
    assert set(supervised.steps().values()) == {1}
    ends = supervised.query("SELECT state, count(*) FROM attempts GROUP BY state ORDER BY state")
    assert ends == [("done", 9), ("lost", 1)]


def test_a_worker_goes_on_without_its_supervisor(supervised: SupervisedWorkspace) -> None:
    """The attempt that one supervisor began is ended by the next, without a second worker."""
    supervised.set_plan(hold=["recipe:direct/chatgpt"])
    supervised.ask(intents.Start(targets=("recipe",)))
    first = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    first.kill()
    first.wait()
    second = supervised.supervise()
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(second) == 0, supervised.story()
    assert supervised.attempts("recipe:direct/chatgpt") == [(1, "done")]
    assert set(supervised.steps().values()) == {1}


def test_a_torn_last_line_waits_and_is_dropped_with_its_worker(supervised: SupervisedWorkspace) -> None:
    name = "recipe:direct/chatgpt"
    supervised.set_plan(hold=[name])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    journal = supervised.workspace.attempt(supervised.id(name), 1) / "journal.jsonl"
    torn = b'{"seq": 2, "at": 0, "record": {"type": "pro'
    with journal.open("ab") as file:
        file.write(torn)
    for worker in supervised.workers():
        worker.kill()
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.attempts(name) == [(1, "lost"), (2, "done")]
    assert journal.read_bytes().endswith(torn)
    assert len(supervised.rows()["responses"]) == 4


@pytest.mark.parametrize("damage", [b"\0" * 40 + b"\n", b'{"seq": 3}\n', b"\xff\xfe\n"])
def test_a_retry_takes_what_is_sound(supervised: SupervisedWorkspace, damage: bytes) -> None:
    name = "recipe:direct/chatgpt"
    supervised.set_plan(hold=[name], steps=3)
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    journal = supervised.workspace.attempt(supervised.id(name), 1) / "journal.jsonl"
    with journal.open("ab") as file:
        file.write(damage)
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states()[name] == "failed"
    assert "is damaged" in str(supervised.error(name))
    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Retry(supervised.id(name)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states()[name] == "done", supervised.story()
    said = supervised.query("SELECT text FROM warnings")
    assert len(said) == 1
    assert "only used up to where it can be read" in said[0][0]
