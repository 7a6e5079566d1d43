"""What the store keeps about jobs, intents and data, and how one write follows another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

import pytest

from core.domain.dialogues import Dialogue, ImportedData, RatedResponse, Split
from core.domain.jobs import JobState
from core.store import (
    connections,
    dialogues,
    intents,
    jobs,
    queries,
)
from core.store.connections import transaction
from core.store.jobs import NewJob

FACTS = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)


def new_job(name: str, *depends_on: str) -> NewJob:
    return NewJob(name, "judge", name, f"print of {name}", "cpu", {"a": 1}, {"x": "data:1"}, depends_on)


def dialogue(name: str, split: Split) -> Dialogue:
    responses = {"human": RatedResponse("hello\nthere", 1), "chatgpt": RatedResponse("🙂", 3)}
    return Dialogue(name, "joyful", "positive", "joy", "situation", "utterance", split, responses)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Connection]:
    with closing(connections.writer(tmp_path / "state.db")) as connection:
        yield connection


def test_a_job_is_put_once_and_comes_back_as_it_was(store: Connection) -> None:
    with transaction(store):
        assert jobs.put(store, [new_job("a"), new_job("b", "a")]) == ["a", "b"]
        assert jobs.put(store, [new_job("a"), new_job("c", "b")]) == ["c"]
    found = jobs.get(store, "b")
    assert found is not None
    assert (found.state, found.settings, found.inputs, found.depends_on, found.attempt) == (
        "waiting",
        {"a": 1},
        {"x": "data:1"},
        ("a",),
        0,
    )
    assert jobs.get(store, "z") is None
    assert list(queries.jobs(store)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("state", "taken"),
    [
        ("waiting", True),
        ("ready", True),
        ("failed", True),
        ("cancelled", True),
        ("running", False),
        ("done", False),
    ],
)
def test_what_the_fingerprint_leaves_open_is_taken_on_before_work_begins(
    store: Connection, state: JobState, taken: bool
) -> None:
    other = replace(new_job("a"), settings={"a": 2}, inputs={"x": "data:2"}, slot="gpu")
    with transaction(store):
        jobs.put(store, [new_job("a")])
        jobs.set_state(store, "a", state)
        assert jobs.put(store, [other]) == []
    found = jobs.get(store, "a")
    assert found is not None
    assert (found.settings, found.inputs, found.slot) == (
        ({"a": 2}, {"x": "data:2"}, "gpu") if taken else ({"a": 1}, {"x": "data:1"}, "cpu")
    )
    assert found.state == state


def test_jobs_are_released_when_all_that_they_need_is_done(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [new_job("a"), new_job("b"), new_job("c", "a", "b"), new_job("d", "never asked for")])
    assert jobs.released(store) == ["a", "b"]
    with transaction(store):
        jobs.set_state(store, "a", "done")
        jobs.set_state(store, "b", "failed", error="why")
    assert jobs.released(store) == []
    with transaction(store):
        jobs.set_state(store, "b", "done")
    assert jobs.released(store) == ["c"]


def test_every_transition_is_an_event(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [new_job("a")])
        jobs.set_state(store, "a", "ready")
        attempt = jobs.begin_attempt(store, "a", 1, "folder")
        jobs.end_attempt(store, attempt, "failed", "why")
        jobs.set_state(store, "a", "failed", error="why")
    assert [(event.attempt, event.text) for event in queries.events(store, job="a")] == [
        (None, "ready"),
        (1, "running"),
        (None, "failed: why"),
    ]
    assert queries.jobs(store)["a"].error == "why"
    assert queries.attempt_folders(store, "a") == [(1, "folder")]


def test_a_new_attempt_clears_the_error_and_keeps_the_first_start(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [new_job("a")])
        first = jobs.begin_attempt(store, "a", 1, "one")
        jobs.set_progress(store, "a", 3, 9, 1.5)
        jobs.end_attempt(store, first, "lost", "why")
        jobs.set_state(store, "a", "failed", error="why")
    started = queries.jobs(store)["a"].started_at
    with transaction(store):
        jobs.begin_attempt(store, "a", 2, "two")
    job = queries.jobs(store)["a"]
    assert (job.error, job.finished_at, job.started_at, job.folder) == (None, None, started, "two")
    assert [(a.number, a.state, a.reached) for a in jobs.attempts(store, job="a")] == [
        (2, "running", None),
        (1, "lost", 3),
    ]


def test_figures_logged_twice_for_a_step_are_one_point(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [new_job("a")])
        jobs.put_metric(store, "a", 1, 1.0, {"loss": 1.0, "lr": 0.1})
        jobs.put_metric(store, "a", 1, 2.0, {"loss": 2.0, "eval_loss": 3.0})
        jobs.put_metric(store, "a", 2, 3.0, {"loss": 1.5})
    points = queries.metrics(store, "a")
    assert [(point.step, point.values) for point in points] == [
        (1, {"loss": 2.0, "lr": 0.1, "eval_loss": 3.0}),
        (2, {"loss": 1.5}),
    ]
    assert [point.step for point in queries.metrics(store, "a", after_step=1)] == [2]


def test_intents_are_carried_out_in_the_order_of_asking(store: Connection) -> None:
    first = intents.add(store, "start", {"targets": ["a"]})
    second = intents.add(store, "pause", {})
    assert [(i.id, i.kind, i.payload) for i in intents.pending(store)] == [
        (first, "start", {"targets": ["a"]}),
        (second, "pause", {}),
    ]
    assert intents.outcome(store, first).state == "pending"
    with transaction(store):
        intents.finish(store, first, {"n": 1})
        intents.finish(store, second, None, "why")
    assert intents.pending(store) == []
    assert (intents.outcome(store, first).state, intents.outcome(store, first).result) == ("done", {"n": 1})
    assert (intents.outcome(store, second).state, intents.outcome(store, second).error) == ("failed", "why")
    with pytest.raises(KeyError):
        intents.outcome(store, 99)


def test_imported_data_replaces_what_was_there(store: Connection) -> None:
    assert dialogues.imported(store) is None
    with transaction(store):
        dialogues.replace(
            store, FACTS, [dialogue("b", "test"), dialogue("a", "train"), dialogue("c", "train")]
        )
    assert dialogues.imported(store) == FACTS
    assert dialogues.counts(store).total == 3
    with transaction(store):
        dialogues.replace(store, FACTS, [dialogue("z", "test"), dialogue("a", "train")])
    counts = dialogues.counts(store)
    assert (counts.total, counts.train, counts.test) == (2, 1, 1)
    found = queries.dialogues(store)
    assert found == [dialogue("z", "test"), dialogue("a", "train")]
    # People's first, though the sources' names would come in another order.
    assert list(found[0].responses) == ["human", "chatgpt"]
    assert queries.dialogue(store, "a") == dialogue("a", "train")
    assert queries.dialogue(store, "b") is None
    assert [row.dialog_id for row in queries.dialogues(store, "train")] == ["a"]
    assert queries.source_responses(store, "chatgpt") == {"z": "🙂"}


def test_settings_of_the_workspace_come_and_go(store: Connection) -> None:
    assert jobs.setting(store, "paused") is None
    jobs.set_setting(store, "paused", "1")
    assert jobs.setting(store, "paused") == "1"
    jobs.set_setting(store, "paused", None)
    assert jobs.setting(store, "paused") is None
