"""The jobs that the store's queries release are those that the rules about jobs call movable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.jobs.job_rules import movable_jobs
from core.domain.states import JobState, Slot
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_queries, jobs
from tests.support.records.made_settings import planned

SLOTS: tuple[Slot, ...] = get_args(Slot)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("store") / "state.db"
    with closing(connections.writer(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        yield connection


@given(data=st.data())
def test_what_is_released_step_by_step_is_what_can_move(store: Connection, data: st.DataObject) -> None:
    made: list[str] = []
    with transaction(store):
        store.execute("DELETE FROM jobs")
        for number in range(data.draw(st.integers(0, 8))):
            needed = data.draw(st.lists(st.sampled_from(made), unique=True)) if made else []
            made.append(f"j{number}")
            jobs.put(store, [planned(made[-1], *needed)])
            done = all(state == "done" for state in jobs.states(store, needed).values())
            # A job runs only after those that it needs.
            possible = get_args(JobState) if done else ("waiting", "failed", "cancelled")
            state: JobState = data.draw(st.sampled_from(possible))
            store.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, made[-1]))
        expected = movable_jobs(job_queries.jobs(store).values(), SLOTS)
        before = {name for name, state in jobs.states(store, made).items() if state == "done"}
        while moved := [*jobs.released(store), *jobs.slots(store, "ready"), *jobs.slots(store, "running")]:
            for name in moved:
                store.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (name,))
        ended = {name for name, state in jobs.states(store, made).items() if state == "done"}
    assert ended - before == expected
