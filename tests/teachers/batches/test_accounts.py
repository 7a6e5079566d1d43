"""Keys, adopted and cancelled batches, and batches of another account."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core.store import intents
from core.teachers.settings import api_keys
from tests import loopback
from tests.loopback import KEY, Api
from tests.support.processes.forking import ForkedProcess
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"
OTHER = "sk-another-key-987654321"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running(keys=[KEY, OTHER]) as found:
        yield found


def looked_more_than(study: TeacherWorkspace, times: int) -> bool:
    return len(study.query("SELECT 1 FROM submission_states")) > times


def killed_while_waiting(study: TeacherWorkspace, api: Api) -> None:
    """Submit a batch, and kill everything while it is in progress."""
    api.faults.hold = True
    study.ask(intents.Start(targets=("generate",)))
    supervisor = study.supervise(dying=True)
    study.until_in_progress()
    kill_all(study, supervisor)
    api.faults.hold = False


def kill_all(study: TeacherWorkspace, supervisor: ForkedProcess) -> None:
    """Kill the supervisor and its only worker."""
    supervisor.kill()
    supervisor.wait()
    ((pid,),) = study.query("SELECT pid FROM attempts WHERE state = 'running'")
    os.kill(pid, signal.SIGKILL)


def test_a_missing_key_is_said(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, teacher='api_key_env = "MY_OWN_KEY"')
    study.run()
    assert "MY_OWN_KEY, which is not set" in study.error(NAIVE)


def test_a_wrong_key_is_said_and_kept_out_of_everything(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    wrong = "sk-wrong-and-secret-123456"
    study.run(key=wrong)
    assert "401" in study.error(NAIVE)
    assert not api.batches
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or wrong.encode() not in path.read_bytes(), path
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert study.query("SELECT DISTINCT key_digest FROM submissions WHERE batch IS NOT NULL") == [
        (api_keys.digest(KEY),)
    ]


def test_a_changed_key_is_said_and_the_old_one_goes_on(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(study, api)
    assert study.finish(key=OTHER) == 0
    error = study.error(NAIVE)
    assert api_keys.digest(KEY) in error
    assert api_keys.digest(OTHER) in error
    assert "OPENAI_API_KEY" in error
    assert KEY not in error
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}


def test_a_batch_that_may_exist_is_not_made_again_with_another_key(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    # Started, progress, the intent, uploaded, creating: it dies before the reply is journalled.
    (tmp_path / "kill.json").write_text(json.dumps({"at": 6, "when": "before"}))
    study.ask(intents.Start(targets=("generate",)))
    study.finish(dying=True)
    assert study.query("SELECT 1 FROM submissions WHERE batch IS NOT NULL") == []
    assert study.finish(key=OTHER) == 0
    assert "set OPENAI_API_KEY (or the teacher) back" in study.error(NAIVE)
    assert api.calls["create"] == 1
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}


def test_a_batch_that_is_gone_is_said_before_it_is_paid_again(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(study, api)
    api.batches.clear()
    assert study.finish() == 0
    assert "no longer has batch" in study.error(NAIVE)
    assert "are charged again" in study.error(NAIVE)
    assert api.calls["create"] == 1
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()


def test_a_new_key_of_the_same_account_adopts_by_hand(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(study, api)
    (batch,) = api.batches.values()
    # The provider lets both keys see it, as keys of one project do.
    for owned in (*api.files.values(), batch):
        owned["account"] = OTHER
    assert study.finish(key=OTHER) == 0
    assert f"batches adopt {batch['id']}" in study.error(NAIVE)
    study.ask(intents.Adopt(job=study.job(NAIVE), batch=batch["id"]))
    assert study.finish(key=OTHER) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1


def test_a_batch_that_no_journal_knows_is_adopted(tmp_path: Path, api: Api) -> None:
    first = TeacherWorkspace(tmp_path / "first", api.url)
    first.run()
    ((batch,),) = first.query("SELECT batch FROM submissions")
    # Another workspace on the same data: its requests have the same keys.
    second = TeacherWorkspace(tmp_path / "second", api.url, dialogues=first.open().data.dialogues())
    second.ask(intents.Pause())
    second.ask(intents.Start(targets=("generate",)))
    second.ask(intents.Adopt(job=first.job(NAIVE), batch=batch))
    second.ask(intents.Resume())
    assert second.finish() == 0
    assert set(second.states().values()) == {"done"}, second.story()
    assert second.answers() == first.answers()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}


def test_what_cannot_be_adopted_is_reported_and_blocks_nothing(tmp_path: Path, api: Api) -> None:
    other = TeacherWorkspace(tmp_path / "other", api.url, ["improve-human/cognitive"])
    other.run()
    ((batch,),) = other.query("SELECT batch FROM submissions")
    study = TeacherWorkspace(tmp_path / "work", api.url)
    study.ask(intents.Start(targets=("recipe",)))
    study.ask(intents.Pause())
    assert study.finish() == 0
    for name in ("batch_nobody_has", batch):
        study.ask(intents.Adopt(job=study.job(NAIVE), batch=name))
    study.ask(intents.Resume())
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()
    errors = dict(study.query("SELECT batch, errors FROM submissions WHERE errors != '[]'"))
    assert "No batch found" in errors["batch_nobody_has"]
    assert f"none of its {len(other.train)} requests" in errors[batch]


def test_cancelling_keeps_what_was_answered(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    api.faults.hold = True
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    study.until_in_progress()
    study.ask(intents.Cancel(job=study.job(NAIVE)))
    assert study.wait(supervisor) == 0
    assert study.states()[NAIVE] == "cancelled"
    (batch,) = api.batches.values()
    assert batch["status"] == "cancelled"
    assert study.query("SELECT state, collected FROM submissions") == [("cancelled", 1)]
    half = len(study.train) // 2
    assert study.query("SELECT count(*) FROM answers WHERE outcome = 'ok'") == [(half,)]
    api.faults.hold = False
    study.ask(intents.Retry(job=study.job(NAIVE)))
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}
    assert study.query("SELECT requests FROM submissions ORDER BY submitted_at") == [
        (len(study.train),),
        (len(study.train) - half,),
    ]


def test_a_shutdown_leaves_the_batch_alone(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    api.faults.hold = True
    study.ask(intents.Start(targets=("generate",)))
    supervisor = study.supervise()
    study.until_in_progress()
    ((pid,),) = study.query("SELECT pid FROM attempts WHERE state = 'running'")
    os.kill(pid, signal.SIGTERM)
    study.until(lambda: len(study.query("SELECT 1 FROM attempts")) == 2)
    (batch,) = api.batches.values()
    assert batch["status"] == "in_progress"
    api.faults.hold = False
    assert study.wait(supervisor) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1


def test_a_refresh_looks_at_once(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    text = study.workspace.config.read_text()
    patient = text.replace("poll_min_s = 0.05", "poll_min_s = 300").replace("= 0.2", "= 300")
    study.workspace.config.write_text(patient)
    study.ask(intents.Start(targets=("generate",)))
    supervisor = study.supervise()
    study.until(lambda: bool(study.query("SELECT 1 FROM submissions WHERE state = 'validating'")))
    for _ in range(3):
        looked = len(study.query("SELECT 1 FROM submission_states"))
        study.ask(intents.Refresh(job=study.job(NAIVE)))
        study.until(partial(looked_more_than, study, looked))
    assert study.wait(supervisor) == 0
    assert set(study.states().values()) == {"done"}, study.story()
