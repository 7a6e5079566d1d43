"""Jobs that are read again only if they have changed: the same as all of them read anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.jobs.job import Wait
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, job_queries, job_records, jobs, run_notes
from tests.support.records import made_results
from tests.support.records.made_settings import planned

NAMES = ("c", "a", "b")


def _begin(store: Connection, name: str) -> None:
    stored = jobs.get(store, name)
    assert stored is not None
    job_attempts.begin_attempt(store, name, stored.attempt + 1, f"folder {stored.attempt + 1}", "0")


def _warn(store: Connection, name: str) -> None:
    stored = jobs.get(store, name)
    assert stored is not None
    job_records.put_warning(
        store, job_attempts.Attempt(name, stored.attempt, "", "running", 0, "", 0, 0), 1.0, "why"
    )


def _delete(store: Connection, name: str) -> None:
    # A run is never the only job: it depends on others, which stay.
    if store.execute("SELECT count(*) FROM jobs").fetchone()[0] > 1:
        run_notes.delete_jobs(store, [name])


CHANGES: tuple[Callable[[Connection, str], object], ...] = (
    _begin,
    _warn,
    lambda store, name: jobs.set_progress(store, name, 1, 2, 3.0),
    lambda store, name: jobs.set_wait(store, name, Wait("a batch", 1.0, None, None)),
    lambda store, name: jobs.set_state(store, name, "done", result=made_results.recipe()),
    lambda store, name: jobs.set_state(store, name, "failed", error="why"),
    lambda store, name: jobs.start_anew(store, name),
    lambda store, name: job_attempts.ask_to_stop(store, name),
    _delete,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, len(CHANGES) - 1), st.sampled_from(NAMES)), max_size=3)),
)
def test_what_is_known_and_what_has_changed_are_all_jobs(steps: list[list[tuple[int, str]]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(connections.writer(Path(folder) / "state.db")) as store,
        closing(connections.reader(Path(folder) / "state.db")) as reader,
    ):
        known = job_queries.KnownJobs()
        for step in steps:
            before = dict(known.jobs)
            with transaction(store):
                for number, name in step:
                    jobs.put(store, [planned(name)])
                    CHANGES[number](store, name)
            found = job_queries.jobs(reader, known)
            assert list(found.items()) == list(job_queries.jobs(reader).items())
            touched = {name for _, name in step}
            assert all(found[name] is job for name, job in before.items() if name not in touched)


def test_jobs_of_another_store_take_the_place_of_those_that_were_known(tmp_path: Path) -> None:
    known = job_queries.KnownJobs()
    for name in ("a", "b"):
        path = tmp_path / f"{name}.db"
        with closing(connections.writer(path)) as store, transaction(store):
            jobs.put(store, [planned(name)])
        with closing(connections.reader(path)) as reader:
            assert list(job_queries.jobs(reader, known)) == [name]
