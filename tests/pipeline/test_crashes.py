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
    from tests.pipeline.conftest import House, Rows

#: More C calls than a counting worker makes before its last record.
CALLS = 1500

crashing = settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_supervisor_killed_at_every_write(make_house: Callable[[], House]) -> None:
    """Between any two statements of any transaction of a job's whole life."""

    def life(kill_at: int) -> tuple[int, Rows]:
        house = make_house()
        house.room(steps=2)
        house.ask(intents.Start(targets=("recipe",)))
        code = house.finish(kill_at=kill_at)
        assert house.finish() == 0, house.story()
        assert set(house.steps().values()) == {1}, (kill_at, house.steps())
        house.assert_journals_are_in()
        return code, house.rows()

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
    make_house: Callable[[], House], undisturbed: Rows, kills: list[int]
) -> None:
    house = make_house()
    house.ask(intents.Start())
    for kill_at in kills:
        house.finish(kill_at=kill_at)
    assert house.finish() == 0, house.story()
    assert house.rows() == undisturbed
    assert set(house.steps().values()) == {1}
    house.assert_journals_are_in()


@crashing
@given(kills=st.lists(st.integers(1, CALLS), min_size=1, max_size=4))
def test_workers_killed_anywhere(
    make_house: Callable[[], House], undisturbed: Rows, kills: list[int]
) -> None:
    house = make_house()
    (house.workspace.root / "kills.json").write_text(json.dumps(kills))
    house.ask(
        intents.Start(
            targets=(
                "judge",
                "sft",
            )
        )
    )
    assert house.finish() == 0, house.story()
    _assert_only_the_step_in_flight_was_repeated(house, undisturbed)


@crashing
@given(
    kills=st.lists(st.integers(1, CALLS), min_size=1, max_size=3),
    supervisors=st.lists(st.integers(6, 60), min_size=1, max_size=6),
)
def test_supervisor_and_workers_killed(
    make_house: Callable[[], House], undisturbed: Rows, kills: list[int], supervisors: list[int]
) -> None:
    house = make_house()
    (house.workspace.root / "kills.json").write_text(json.dumps(kills))
    house.ask(
        intents.Start(
            targets=(
                "judge",
                "sft",
            )
        )
    )
    for kill_at in supervisors:
        house.finish(kill_at=kill_at)
    assert house.finish() == 0, house.story()
    _assert_only_the_step_in_flight_was_repeated(house, undisturbed)


def _assert_only_the_step_in_flight_was_repeated(house: House, undisturbed: Rows) -> None:
    wanted = {job for (job,) in house.query("SELECT id FROM jobs")}
    assert house.rows() == {
        table: [row for row in rows if row[0] in wanted] for table, rows in undisturbed.items()
    }
    house.assert_journals_are_in()
    deaths = dict(house.query("SELECT job, count(*) FROM attempts WHERE state = 'lost' GROUP BY job"))
    repeats: dict[str, int] = {}
    for (job, _), times in house.steps().items():
        repeats[job] = repeats.get(job, 0) + times - 1
    assert all(times <= deaths.get(job, 0) for job, times in repeats.items()), (deaths, repeats)


@pytest.mark.parametrize("worker", [1, 2, 3])
def test_supervisor_killed_between_an_attempts_row_and_its_worker(
    make_house: Callable[[], House], undisturbed: Rows, worker: int
) -> None:
    house = make_house()
    house.ask(intents.Start())
    assert house.finish(kill_at=-worker) == -signal.SIGKILL
    assert house.finish() == 0, house.story()
    assert house.rows() == undisturbed
    assert set(house.steps().values()) == {1}
    ends = house.query("SELECT state, count(*) FROM attempts GROUP BY state ORDER BY state")
    assert ends == [("done", 9), ("lost", 1)]


def test_a_worker_goes_on_without_its_supervisor(house: House) -> None:
    """The attempt that one supervisor began is ended by the next, without a second worker."""
    house.room(hold=["recipe:direct/chatgpt"])
    house.ask(intents.Start(targets=("recipe",)))
    first = house.supervise()
    house.until(lambda: bool(house.notes()))
    first.kill()
    first.wait()
    second = house.supervise()
    (house.workspace.root / "go").touch()
    assert house.wait(second) == 0, house.story()
    assert house.attempts("recipe:direct/chatgpt") == [(1, "done")]
    assert set(house.steps().values()) == {1}


def test_a_torn_last_line_waits_and_is_dropped_with_its_worker(house: House) -> None:
    name = "recipe:direct/chatgpt"
    house.room(hold=[name])
    house.ask(intents.Start(targets=("recipe",)))
    supervisor = house.supervise()
    house.until(lambda: bool(house.notes()))
    journal = house.workspace.attempt(house.id(name), 1) / "journal.jsonl"
    torn = b'{"seq": 2, "at": 0, "record": {"type": "pro'
    with journal.open("ab") as file:
        file.write(torn)
    for worker in house.workers():
        worker.kill()
    (house.workspace.root / "go").touch()
    assert house.wait(supervisor) == 0, house.story()
    assert house.attempts(name) == [(1, "lost"), (2, "done")]
    assert journal.read_bytes().endswith(torn)
    assert len(house.rows()["responses"]) == 4
