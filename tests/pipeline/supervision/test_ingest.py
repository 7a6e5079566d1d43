"""A journal lands in the store once, however its taking in is cut up and repeated."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import (
    Artifact,
    Done,
    Failed,
    Metric,
    Progress,
    Record,
    ResponseRecord,
    Sample,
    Started,
    Stopped,
    VerdictRecord,
)
from core.pipeline.supervision.ingest import Ingested, ingest
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, jobs
from tests.support.records import made_results, made_settings

FOLDER = "artifacts/jobs/judge-1/1"
TABLES = ("metrics", "samples", "responses", "verdicts", "artifacts")

small = st.integers(0, 3)
texts = st.sampled_from(["", "a", "line\nbreak", "\u2028", "émoji 🙂", '"quoted" \\'])
records = st.one_of(
    st.builds(Started, st.integers(1, 9), st.just("here")),
    st.builds(Progress, small, small, st.none() | st.floats(0, 1e6)),
    st.builds(Metric, small, st.dictionaries(st.sampled_from(["loss", "lr"]), st.floats(-1e6, 1e6))),
    st.builds(Sample, small, st.sampled_from(["d1", "d2"]), texts),
    st.builds(ResponseRecord, st.sampled_from(["d1", "d2"]), texts, st.sampled_from(["stop", "length"])),
    st.builds(
        VerdictRecord,
        st.sampled_from(["d1", "d2"]),
        st.sampled_from(["ab", "ba"]),
        st.sampled_from(["a", "b", "tie", "invalid"]),
        texts,
    ),
    st.builds(Artifact, st.sampled_from(["x", "y"]), st.just("x"), st.just("0"), small),
)
endings = (
    st.none() | st.just(Done(made_results.judge())) | st.just(Failed("for a reason")) | st.just(Stopped())
)


class Store:
    """A store with one running attempt, in a folder of its own."""

    def __init__(self, root: Path, template: Path) -> None:
        self.root = root
        shutil.copyfile(template, root / "state.db")
        self.folder = root / FOLDER
        self.folder.mkdir(parents=True)
        self.connection = connections.writer(root / "state.db")
        with transaction(self.connection):
            jobs.put(self.connection, [made_settings.planned("judge-1")])
            self.attempts = [job_attempts.begin_attempt(self.connection, "judge-1", 1, FOLDER)]

    def ingest(self, known: int = -1) -> Ingested:
        """Take in what is new behind what was known after an earlier ingestion."""
        found = ingest(self.connection, self.root, self.attempts[known])
        self.attempts += job_attempts.attempts(self.connection, job="judge-1")
        return found

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        found = {name: self._all(f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in TABLES}
        found["jobs"] = self._all("SELECT state, done, total, eta_s, error, result FROM jobs")
        found["attempts"] = self._all("SELECT state, seq, offset, pid, reached, error FROM attempts")
        found["events"] = self._all("SELECT job, attempt, text FROM events ORDER BY id")
        return found

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.execute(sql)]


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    written=st.lists(records, max_size=25),
    ending=endings,
    cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=8),
)
def test_any_cutting_and_repeating_gives_the_same_rows(
    imported_workspace: Path, written: list[Record], ending: Record | None, cuts: list[tuple[float, float]]
) -> None:
    """Each cut is the share of the journal's bytes that is on disk, and the share of earlier states
    of knowledge from which an ingestion sets out."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        whole = Store(Path(first), imported_workspace / "state.db")
        Journal(whole.folder).write(*written, *([] if ending is None else [ending]))
        whole.ingest()
        content = (whole.folder / journal.NAME).read_bytes()

        cut = Store(Path(second), imported_workspace / "state.db")
        on_disk = 0
        for share, known in [*cuts, (1.0, 1.0)]:
            on_disk = max(on_disk, round(share * len(content)))
            (cut.folder / journal.NAME).write_bytes(content[:on_disk])
            cut.ingest(round(known * (len(cut.attempts) - 1)))
        assert cut.rows() == whole.rows()
        whole.connection.close()
        cut.connection.close()


def test_more_than_a_batch_is_taken_in_at_once(imported_workspace: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    written = Journal(store.folder)
    written.write(*(ResponseRecord(f"d{n}", "text", "stop") for n in range(4001)), Done(made_results.judge()))
    assert store.ingest() == Ingested(4002, Done(made_results.judge()))
    assert len(store.rows()["responses"]) == 4001
    with closing(store.connection):
        assert jobs.get(store.connection, "judge-1").state == "done"  # type: ignore[union-attr]


def test_what_stands_before_a_damaged_line_is_kept(imported_workspace: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    Journal(store.folder).write(Progress(1, 2), ResponseRecord("d1", "text", "stop"))
    with (store.folder / journal.NAME).open("ab") as file:
        file.write(b'{"seq": 3, "at": 1, "record": {"type": "no such"}}\n')
    found = store.ingest()
    assert found.damaged
    assert found.records == 2
    rows = store.rows()
    assert len(rows["responses"]) == 1
    assert rows["jobs"][0][0] == "failed"
    assert "journal.jsonl, line 3, is damaged" in rows["jobs"][0][4]
    assert "no such" in rows["jobs"][0][4]


def test_an_attempt_that_has_ended_is_not_heard(imported_workspace: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, imported_workspace / "state.db")
    with transaction(store.connection):
        job_attempts.end_attempt(store.connection, store.attempts[0], "lost")
        jobs.set_state(store.connection, "judge-1", "ready")
    before = store.rows()
    Journal(store.folder).write(ResponseRecord("d1", "late", "stop"), Done(made_results.judge()))
    assert store.ingest() == Ingested(0)
    assert store.rows() == before


def test_a_later_attempt_replaces_the_metrics_it_logs_again(imported_workspace: Path, tmp_path: Path) -> None:
    """The first got to step 4, the second goes on from a checkpoint at step 2: no gap, no double point."""
    store = Store(tmp_path, imported_workspace / "state.db")
    Journal(store.folder).write(*(Metric(step, {"loss": 1.0}) for step in (1, 2, 3, 4)))
    store.ingest()
    folder = FOLDER.removesuffix("1") + "2"
    (tmp_path / folder).mkdir()
    with transaction(store.connection):
        job_attempts.end_attempt(store.connection, store.attempts[0], "lost")
        second = job_attempts.begin_attempt(store.connection, "judge-1", 2, folder)
    Journal(tmp_path / folder).write(*(Metric(step, {"loss": 0.5}) for step in (3, 4, 5)))
    ingest(store.connection, tmp_path, second)
    points = [(step, json.loads(metrics)["loss"]) for _, step, _, metrics in store.rows()["metrics"]]
    assert points == [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5), (5, 0.5)]
