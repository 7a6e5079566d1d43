"""A run that is done, and examples that were made again since: while they are others, it has a warning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.jobs.results import Result
from core.jobs.inputs import JobOutput
from core.jobs.journal import Journal
from core.jobs.records import Artifact, Done, Record
from core.jobs.settings import EmbeddedJudge, FilterSettings
from core.pipeline.supervision.ingest import ingest
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, job_queries, jobs
from tests.support.records import made_results, made_settings

RUN, FILTER = "sft-1", "filter-1"


class Store:
    """A store with a filter's job and a run that reads what it writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writer = connections.writer(root / "state.db")
        self.known = job_queries.KnownJobs()
        run = made_settings.planned(RUN, FILTER, settings=made_settings.sft())
        reads = run.inputs | {"examples": JobOutput(FILTER, "preferences")}
        with transaction(self.writer):
            filtering = FilterSettings(recipe="direct/chatgpt", judge=EmbeddedJudge(name="own"))
            jobs.put(
                self.writer,
                [made_settings.planned(FILTER, settings=filtering), replace(run, inputs=reads)],
            )

    def filter(self, sha256: str) -> None:
        """It is done, perhaps again, and has written a file of that hash."""
        self._do(FILTER, made_results.filtered(), Artifact("preferences", "preferences.jsonl", sha256, 9))

    def train(self, sha256: str | None) -> None:
        """The run is done, perhaps again, from a file of that hash."""
        with transaction(self.writer):
            jobs.start_anew(self.writer, RUN)
        self._do(RUN, made_results.sft(data_sha256=sha256))

    def _do(self, job: str, result: Result, *artifacts: Artifact) -> None:
        stored = jobs.get(self.writer, job)
        assert stored is not None
        folder = self.root / job / str(stored.attempt + 1)
        folder.mkdir(parents=True)
        written = Journal(folder)
        records: list[Record] = [*artifacts, Done(result)]
        for record in records:
            written.write(record)
        written.close()
        with transaction(self.writer):
            attempt = job_attempts.begin_attempt(
                self.writer, job, stored.attempt + 1, str(folder.relative_to(self.root))
            )
        ingest(self.writer, self.root, attempt)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The run's, as a reader sees them who looks at what has changed."""
        return job_queries.jobs(self.writer, self.known)[RUN].warnings


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    with closing(made.writer):
        yield made


def test_other_examples_than_a_run_has_learned(store: Store) -> None:
    store.filter("a")
    store.train("a")
    assert not store.warnings
    store.filter("a")
    assert not store.warnings
    for _ in range(2):
        store.filter("b")
        assert store.warnings == (
            "its examples have changed since (stage filter): "
            f"`empathy-tui run sft:{RUN} --force` trains it again",
        )
    # The same as before.
    store.filter("a")
    assert not store.warnings
    store.filter("b")
    store.train("b")
    assert not store.warnings


def test_examples_that_change_while_a_run_trains(store: Store) -> None:
    store.filter("b")
    store.train("a")
    assert len(store.warnings) == 1


def test_a_run_of_which_nobody_knows_what_it_has_learned(store: Store) -> None:
    store.filter("a")
    store.train(None)
    store.filter("b")
    assert not store.warnings
