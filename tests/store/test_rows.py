"""What the store keeps about jobs, intents and data, and how one write follows another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

import pytest

from core.config.schema import Training
from core.domain import troubles
from core.domain.data.dialogues import Dialogue, ImportedData, RatedResponse, Split
from core.domain.errors import UserError
from core.domain.jobs.events import StartOutcome
from core.domain.states import JobState
from core.jobs.inputs import ImportedDialogues
from core.jobs.records import Metric
from core.store import connections, intents, workspace_settings
from core.store.connections import transaction
from core.store.dialogues import dialogue_queries, dialogues
from core.store.evaluation import response_queries
from core.store.jobs import engines, job_attempts, job_queries, job_records, jobs
from core.store.jobs.jobs import StoredJob
from tests.support.records import made_results, made_settings
from tests.support.records.made_settings import planned
from tests.support.records.stored_metrics import stored_metrics

IMPORTED = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)


def dialogue(name: str, split: Split) -> Dialogue:
    responses = {"human": RatedResponse("hello\nthere", 1), "chatgpt": RatedResponse("🙂", 3)}
    return Dialogue(name, "joyful", "positive", "joy", "situation", "utterance", split, responses)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Connection]:
    with closing(connections.writer(tmp_path / "state.db")) as connection:
        yield connection


def test_a_job_is_put_once_and_comes_back_as_it_was(store: Connection) -> None:
    with transaction(store):
        assert jobs.put(store, [planned("a"), planned("b", "a")]) == ["a", "b"]
        assert jobs.put(store, [planned("a"), planned("c", "b")]) == ["c"]
    found = jobs.get(store, "b")
    assert found is not None
    assert found == StoredJob(planned("b", "a"), "waiting", 0)
    assert jobs.get(store, "z") is None
    assert list(job_queries.jobs(store)) == ["a", "b", "c"]


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
    before = planned("a", settings=made_settings.sft())
    watched = made_settings.sft(training=Training(save_steps=3))
    other = replace(before, settings=watched, inputs={"dialogues": ImportedDialogues("2")}, slot="gpu")
    with transaction(store):
        jobs.put(store, [before])
        jobs.set_state(store, "a", state)
        assert jobs.put(store, [other]) == []
    found = jobs.get(store, "a")
    assert found is not None
    assert found.job == (other if taken else before)
    assert found.state == state


def test_jobs_are_released_when_all_that_they_need_is_done(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a"), planned("b"), planned("c", "a", "b"), planned("d", "never requested")])
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
        jobs.put(store, [planned("a")])
        jobs.set_state(store, "a", "ready")
        attempt = job_attempts.begin_attempt(store, "a", 1, "folder")
        job_attempts.end_attempt(store, attempt, "failed", "why")
        jobs.set_state(store, "a", "failed", error="why")
    assert [(event.attempt, event.text) for event in job_queries.events(store, job="a")] == [
        (None, "ready"),
        (1, "running"),
        (None, "failed: why"),
    ]
    assert job_queries.jobs(store)["a"].error == "why"
    assert job_queries.attempt_folders(store, "a") == [(1, "folder")]


def test_a_new_attempt_has_its_own_start_and_progress(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        first = job_attempts.begin_attempt(store, "a", 1, "one")
        jobs.set_progress(store, "a", 3, 9, 1.5)
        job_attempts.end_attempt(store, first, "lost", "why")
        jobs.set_state(store, "a", "failed", error="why")
        store.execute("UPDATE jobs SET started_at = 1.0")
    with transaction(store):
        job_attempts.begin_attempt(store, "a", 2, "two")
    job = job_queries.jobs(store)["a"]
    assert (job.error, job.finished_at, job.folder) == (None, None, "two")
    assert (job.done, job.total, job.eta_s) == (None, None, None)
    assert job.started_at is not None
    assert job.started_at > 1.0
    assert [(a.number, a.state, a.reached) for a in job_attempts.attempts(store, job="a")] == [
        (2, "running", None),
        (1, "lost", 3),
    ]


def test_figures_logged_twice_for_a_step_are_one_point(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        job_records.put_metric(store, "a", 1.0, Metric(1, {"loss": 1.0, "lr": 0.1}))
        job_records.put_metric(store, "a", 2.0, Metric(1, {"loss": 2.0, "eval_loss": 3.0}))
        job_records.put_metric(store, "a", 3.0, Metric(2, {"loss": 1.5}))
    assert stored_metrics(store, "a") == {
        1: {"loss": 2.0, "lr": 0.1, "eval_loss": 3.0},
        2: {"loss": 1.5},
    }


def test_intents_are_carried_out_in_the_order_of_asking(store: Connection) -> None:
    start = intents.Start(("a",), {"gpt": 3})
    first = intents.add(store, start)
    second = intents.add(store, intents.Pause())
    assert [(i.id, i.kind, i.request()) for i in intents.pending(store)] == [
        (first, "start", start),
        (second, "pause", intents.Pause()),
    ]
    assert intents.outcome(store, first).state == "pending"
    started = StartOutcome(("a",), 1, ())
    with transaction(store):
        intents.finish(store, first, started)
        intents.finish(store, second, None, "why")
    assert intents.pending(store) == []
    assert (intents.outcome(store, first).state, intents.outcome(store, first).outcome) == ("done", started)
    assert (intents.outcome(store, second).state, intents.outcome(store, second).error) == ("failed", "why")
    with pytest.raises(KeyError):
        intents.outcome(store, 99)


def test_imported_data_replaces_what_was_there(store: Connection) -> None:
    assert dialogues.imported(store) is None
    with transaction(store):
        dialogues.replace(
            store, IMPORTED, [dialogue("b", "test"), dialogue("a", "train"), dialogue("c", "train")]
        )
    assert dialogues.imported(store) == IMPORTED
    assert dialogues.counts(store).total == 3
    with transaction(store):
        dialogues.replace(store, IMPORTED, [dialogue("z", "test"), dialogue("a", "train")])
    counts = dialogues.counts(store)
    assert (counts.total, counts.train, counts.test) == (2, 1, 1)
    found = dialogue_queries.dialogues(store)
    assert found == [dialogue("z", "test"), dialogue("a", "train")]
    # People's first, though the sources' names would come in another order.
    assert list(found[0].responses) == ["human", "chatgpt"]
    assert dialogue_queries.dialogue(store, "a") == dialogue("a", "train")
    assert dialogue_queries.dialogue(store, "b") is None
    assert [row.dialog_id for row in dialogue_queries.dialogues(store, "train")] == ["a"]
    assert response_queries.source_responses(store, ["chatgpt"]) == {"chatgpt": {"z": "🙂"}}


def test_settings_of_the_workspace_come_and_go(store: Connection) -> None:
    assert workspace_settings.setting(store, "paused") is None
    workspace_settings.set_setting(store, "paused", "1")
    assert workspace_settings.setting(store, "paused") == "1"
    workspace_settings.set_setting(store, "paused", None)
    assert workspace_settings.setting(store, "paused") is None


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("$.lora.rank", "Object contains unknown field `rank` - at `$.lora`"),
        ("$.lora.r", "Expected `int`, got `str` - at `$.lora.r`"),
        ("$.stage", "Invalid value 'wrong' - at `$.stage`"),
        ("$.unknown", "Object contains unknown field `unknown`"),
    ],
)
def test_settings_with_a_wrong_key_or_type_are_refused(store: Connection, wrong: str, place: str) -> None:
    with transaction(store):
        jobs.put(store, [planned("a", settings=made_settings.sft())])
        store.execute("UPDATE jobs SET settings = json_set(settings, ?, 'wrong')", (wrong,))
    for read in (jobs.get, job_queries.settings):
        with pytest.raises(UserError) as caught:
            read(store, "a")
        assert str(caught.value) == f"job a: settings: {place}"


def test_an_input_that_names_nothing_is_refused(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        store.execute("UPDATE jobs SET inputs = json_set(inputs, '$.dialogues', 'wrong')")
    with pytest.raises(
        UserError, match="job a: inputs: 'wrong' is neither data:SHA256, result:JOB nor JOB/ARTIFACT"
    ):
        jobs.get(store, "a")


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("$.auc", "Expected `float`, got `str` - at `$.auc`"),
        ("$.accuracy", "Object contains unknown field `accuracy`"),
        ("$.stage", "Invalid value 'wrong' - at `$.stage`"),
    ],
)
def test_a_result_with_a_wrong_key_or_type_is_refused(store: Connection, wrong: str, place: str) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        jobs.set_state(store, "a", "done", result=made_results.judge())
    assert job_queries.jobs(store)["a"].result == made_results.judge()
    with transaction(store):
        store.execute("UPDATE jobs SET result = json_set(result, ?, 'wrong')", (wrong,))
    with pytest.raises(UserError) as caught:
        job_queries.jobs(store)
    assert str(caught.value) == f"state.db: job a: result: {place}: {troubles.REBUILD}"


def test_an_intent_with_a_wrong_key_or_type_is_refused(store: Connection) -> None:
    intents.add(store, intents.Cancel("a"))
    with transaction(store):
        store.execute("UPDATE intents SET payload = json_set(payload, '$.job', 1)")
    (pending,) = intents.pending(store)
    with pytest.raises(UserError, match=r"intent 1, cancel: Expected `str`, got `int` - at `\$\.job`"):
        pending.request()


@pytest.mark.parametrize("column", ["depends_on", "waiting"])
def test_a_job_with_a_column_that_is_no_json_is_refused(store: Connection, column: str) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        store.execute(f"UPDATE jobs SET {column} = '{{'")
    with pytest.raises(UserError, match=troubles.REBUILD):
        job_queries.jobs(store)


def test_an_engine_with_a_wrong_type_is_refused(store: Connection) -> None:
    store.execute("INSERT INTO engines (name, use) VALUES ('gpubox', '1')")
    with pytest.raises(UserError, match=troubles.REBUILD):
        engines.uses(store)


def test_warnings_are_events_once_and_counted_after(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        attempt = job_attempts.begin_attempt(store, "a", 1, "one")
        for moment, text in enumerate(["wandb failed", "a sample failed", "a sample failed"]):
            job_records.put_warning(store, attempt, float(moment), text)
    assert job_queries.jobs(store)["a"].warnings == ("wandb failed", "a sample failed (2 times)")
    events = [event.text for event in job_queries.events(store, job="a")]
    assert events == ["running", "warning: wandb failed", "warning: a sample failed"]
    # A new attempt that goes on where this one ended warns of the same.
    with transaction(store):
        job_attempts.end_attempt(store, attempt, "failed", "killed")
        job_records.put_warning(store, job_attempts.begin_attempt(store, "a", 2, "two"), 3.0, "wandb failed")
    assert job_queries.jobs(store)["a"].warnings == ("wandb failed (2 times)", "a sample failed (2 times)")


def test_a_job_that_starts_anew_keeps_its_result_and_begins_a_new_curve(store: Connection) -> None:
    with transaction(store):
        jobs.put(store, [planned("a")])
        first = job_attempts.begin_attempt(store, "a", 1, "one")
        job_records.put_metric(store, "a", 1.0, Metric(9, {"loss": 0.5}))
        job_records.put_warning(store, first, 1.0, "a sample failed")
        jobs.set_progress(store, "a", 9, 9, 0.0)
        job_attempts.end_attempt(store, first, "done")
        jobs.set_state(store, "a", "done", result=made_results.judge())
        jobs.start_anew(store, "a")
    job = job_queries.jobs(store)["a"]
    assert (job.state, job.result, job.done, job.warnings) == ("waiting", made_results.judge(), None, ())
    assert job_queries.logged(store, "a", 0, 10)
    with transaction(store):
        job_attempts.begin_attempt(store, "a", 2, "two")
    assert job_queries.logged(store, "a", 0, 10) == []
    with transaction(store):
        job_records.put_metric(store, "a", 2.0, Metric(1, {"loss": 1.5}))
        job_attempts.begin_attempt(store, "a", 3, "three")
    assert job_queries.logged(store, "a", 0, 10)
