"""What readers keep from one look to the next is what a new reader would find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config.workspace import WorkspacePaths
from core.jobs.records import Answer, BatchRecord, SubmissionRecord
from core.services.workspace import open_workspace
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_queries, jobs, submissions
from tests.support.records import made_settings
from tests.support.records.made_settings import planned
from tests.support.workspaces.filled_workspace import fill

TOKENS = ("first", "second", "third")


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("store") / "state.db"
    with closing(connections.writer(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with transaction(connection):
            jobs.put(connection, [planned(name, settings=made_settings.generate()) for name in "ab"])
        yield connection


def send(connection: Connection, token: str) -> None:
    submission = SubmissionRecord(
        token=token,
        mode="batch",
        provider="openai",
        base_url="",
        key_digest="",
        model=f"model of {token}",
        requests={str(key): "d" for key in range(3)},
        usd=0.5,
    )
    submissions.put(connection, "a" if token == "first" else "b", 1.0, submission)


def answer(connection: Connection, token: str, key: int, usd: float | None) -> None:
    result = Answer(
        token=token,
        key=str(key),
        number=1,
        dialog_id="d",
        outcome="ok" if key else "refused",
        text="",
        input_tokens=10,
        output_tokens=4,
        usd=usd,
    )
    submissions.put_answer(connection, 2.0, result)


def collect(connection: Connection, token: str) -> None:
    submissions.put_state(connection, 3.0, BatchRecord(token, "completed", collected=True))


#: What happens to one of the submissions: the keys of requests that are answered, then perhaps its end.
steps = st.tuples(
    st.sampled_from(TOKENS),
    st.lists(st.tuples(st.integers(0, 3), st.none() | st.just(0.25)), max_size=3),
    st.booleans(),
)


@given(st.lists(steps, max_size=12))
@settings(max_examples=50, deadline=None)
def test_what_was_spent_is_as_if_it_was_counted_anew(
    sent: Connection, happened: list[tuple[str, list[tuple[int, float | None]], bool]]
) -> None:
    with transaction(sent):
        for table in ("answers", "submission_states", "submissions"):
            sent.execute(f"DELETE FROM {table}")
    known: submissions.KnownSums = {}
    collected: set[str] = set()
    for token, answers, ends in happened:
        if token in collected:
            continue
        with transaction(sent):
            send(sent, token)
            for key, usd in answers:
                answer(sent, token, key, usd)
            if ends:
                collect(sent, token)
                collected.add(token)
        assert submissions.submissions(sent, known) == submissions.submissions(sent)
        assert submissions.spending(sent, known) == submissions.spending(sent)
        assert set(known) <= collected


def test_a_job_is_another_once_its_row_is(sent: Connection) -> None:
    known = job_queries.KnownJobs()
    before = job_queries.jobs(sent, known)
    with transaction(sent):
        jobs.set_progress(sent, "a", 1, 2, None)
    after = job_queries.jobs(sent, known)
    assert after["b"] is before["b"]
    assert (after["a"].done, after["a"].total) == (1, 2)
    assert after == job_queries.jobs(sent)


def test_a_snapshot_is_another_once_anything_moved(tmp_path: Path) -> None:
    workspace = fill(tmp_path / "study")
    with open_workspace(workspace) as opened, closing(connections.writer(workspace.state)) as writer:
        first = opened.pipeline.snapshot()
        assert opened.pipeline.snapshot() is first
        (running,) = (job for job in first.jobs if job.state == "running")
        with transaction(writer):
            jobs.set_progress(writer, running.id, 40, 50, 3.0)
        second = opened.pipeline.snapshot()
        assert next(job.done for job in second.jobs if job.id == running.id) == 40
        workspace.config.write_text("[students]\n")
        assert opened.pipeline.snapshot().jobs != second.jobs
        workspace.config.write_text("students")
        assert opened.pipeline.snapshot().config_error is not None
        workspace.config.unlink()
        assert opened.pipeline.snapshot().config_error is None


def test_win_rates_are_others_once_a_comparison_is(tmp_path: Path) -> None:
    workspace = fill(tmp_path / "study")
    with open_workspace(workspace) as opened, closing(connections.writer(workspace.state)) as writer:
        before = opened.evaluation.win_rates()
        (running,) = (job for job in opened.pipeline.snapshot().jobs if job.state == "running")
        with transaction(writer):
            jobs.set_progress(writer, running.id, 40, 50, 3.0)
        assert opened.evaluation.win_rates() is before
        with transaction(writer):
            jobs.set_state(writer, before[0].job, "failed", error="why")
        assert opened.evaluation.win_rates()[0].state == "failed"
        with open_workspace(workspace) as fresh:
            assert opened.evaluation.win_rates() == fresh.evaluation.win_rates()


def test_a_workspace_without_a_store_is_read_again_once_it_has_one(tmp_path: Path) -> None:
    with open_workspace(WorkspacePaths(tmp_path / "study")) as workspace:
        assert workspace.pipeline.snapshot().jobs == ()
        fill(tmp_path / "study")
        assert workspace.pipeline.snapshot().jobs
