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
from core.teachers import api_keys
from tests import loopback
from tests.loopback import KEY, Api
from tests.support.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"
OTHER = "sk-another-key-987654321"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running(keys=[KEY, OTHER]) as found:
        yield found


def looked_more_than(shop: TeacherWorkspace, times: int) -> bool:
    return len(shop.query("SELECT 1 FROM submission_states")) > times


def submitted(shop: TeacherWorkspace, api: Api) -> None:
    """Wait until a batch is in progress and its state has come into the store."""
    state = "SELECT count(*) FROM submissions WHERE state = 'in_progress'"
    shop.until(lambda: bool(shop.query(state)[0][0]))


def killed_while_waiting(shop: TeacherWorkspace, api: Api) -> None:
    """Submit a batch, and kill everything while it is in progress."""
    api.faults.hold = True
    shop.ask(intents.Start(targets=("generate",)))
    supervisor = shop.supervise(dying=True)
    submitted(shop, api)
    ((pid,),) = shop.query("SELECT pid FROM attempts WHERE state = 'running'")
    supervisor.kill()
    supervisor.wait()
    os.kill(pid, signal.SIGKILL)
    api.faults.hold = False


def test_a_missing_key_is_said(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url, teacher='api_key_env = "MY_OWN_KEY"')
    shop.run()
    assert "MY_OWN_KEY, which is not set" in shop.error(NAIVE)


def test_a_wrong_key_is_said_and_kept_out_of_everything(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    wrong = "sk-wrong-and-secret-123456"
    shop.run(key=wrong)
    assert "401" in shop.error(NAIVE)
    assert not api.batches
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or wrong.encode() not in path.read_bytes(), path
    shop.run()
    assert set(shop.states().values()) == {"done"}, shop.story()
    assert shop.query("SELECT DISTINCT key_digest FROM submissions WHERE batch IS NOT NULL") == [
        (api_keys.digest(KEY),)
    ]


def test_a_changed_key_is_said_and_the_old_one_goes_on(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(shop, api)
    assert shop.finish(key=OTHER) == 0
    error = shop.error(NAIVE)
    assert api_keys.digest(KEY) in error
    assert api_keys.digest(OTHER) in error
    assert "OPENAI_API_KEY" in error
    assert KEY not in error
    shop.run()
    assert set(shop.states().values()) == {"done"}, shop.story()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}


def test_a_batch_that_may_exist_is_not_made_again_with_another_key(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    # Started, progress, the intent, uploaded, creating: it dies before the reply is journalled.
    (tmp_path / "kill.json").write_text(json.dumps({"at": 6, "when": "before"}))
    shop.ask(intents.Start(targets=("generate",)))
    shop.finish(dying=True)
    assert shop.query("SELECT 1 FROM submissions WHERE batch IS NOT NULL") == []
    assert shop.finish(key=OTHER) == 0
    assert "set OPENAI_API_KEY (or the teacher) back" in shop.error(NAIVE)
    assert api.calls["create"] == 1
    shop.run()
    assert set(shop.states().values()) == {"done"}, shop.story()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}


def test_a_batch_that_is_gone_is_said_before_it_is_paid_again(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(shop, api)
    api.batches.clear()
    assert shop.finish() == 0
    assert "no longer has batch" in shop.error(NAIVE)
    assert "are charged again" in shop.error(NAIVE)
    assert api.calls["create"] == 1
    shop.run()
    assert set(shop.states().values()) == {"done"}, shop.story()


def test_a_new_key_of_the_same_account_adopts_by_hand(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(shop, api)
    (batch,) = api.batches.values()
    # The provider lets both keys see it, as keys of one project do.
    for owned in (*api.files.values(), batch):
        owned["account"] = OTHER
    assert shop.finish(key=OTHER) == 0
    assert f"batches adopt {batch['id']}" in shop.error(NAIVE)
    shop.ask(intents.Adopt(job=shop.job(NAIVE), batch=batch["id"]))
    assert shop.finish(key=OTHER) == 0
    assert set(shop.states().values()) == {"done"}, shop.story()
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


def test_what_cannot_be_adopted_is_told_and_hinders_nothing(tmp_path: Path, api: Api) -> None:
    other = TeacherWorkspace(tmp_path / "other", api.url, ["improve-human/cognitive"])
    other.run()
    ((batch,),) = other.query("SELECT batch FROM submissions")
    shop = TeacherWorkspace(tmp_path / "work", api.url)
    shop.ask(intents.Start(targets=("recipe",)))
    shop.ask(intents.Pause())
    assert shop.finish() == 0
    for name in ("batch_nobody_has", batch):
        shop.ask(intents.Adopt(job=shop.job(NAIVE), batch=name))
    shop.ask(intents.Resume())
    assert shop.finish() == 0
    assert set(shop.states().values()) == {"done"}, shop.story()
    told = dict(shop.query("SELECT batch, errors FROM submissions WHERE errors != '[]'"))
    assert "No batch found" in told["batch_nobody_has"]
    assert f"none of its {len(other.train)} requests" in told[batch]


def test_cancelling_keeps_what_was_answered(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    api.faults.hold = True
    shop.ask(intents.Start(targets=("recipe",)))
    supervisor = shop.supervise()
    submitted(shop, api)
    shop.ask(intents.Cancel(job=shop.job(NAIVE)))
    assert shop.wait(supervisor) == 0
    assert shop.states()[NAIVE] == "cancelled"
    (batch,) = api.batches.values()
    assert batch["status"] == "cancelled"
    assert shop.query("SELECT state, collected FROM submissions") == [("cancelled", 1)]
    half = len(shop.train) // 2
    assert shop.query("SELECT count(*) FROM answers WHERE outcome = 'ok'") == [(half,)]
    api.faults.hold = False
    shop.ask(intents.Retry(job=shop.job(NAIVE)))
    assert shop.finish() == 0
    assert set(shop.states().values()) == {"done"}, shop.story()
    assert set(api.paid.values()) == {1}
    assert shop.query("SELECT requests FROM submissions ORDER BY submitted_at") == [
        (len(shop.train),),
        (len(shop.train) - half,),
    ]


def test_a_shutdown_leaves_the_batch_alone(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    api.faults.hold = True
    shop.ask(intents.Start(targets=("generate",)))
    supervisor = shop.supervise()
    submitted(shop, api)
    ((pid,),) = shop.query("SELECT pid FROM attempts WHERE state = 'running'")
    os.kill(pid, signal.SIGTERM)
    shop.until(lambda: len(shop.query("SELECT 1 FROM attempts")) == 2)
    (batch,) = api.batches.values()
    assert batch["status"] == "in_progress"
    api.faults.hold = False
    assert shop.wait(supervisor) == 0
    assert set(shop.states().values()) == {"done"}, shop.story()
    assert api.calls["create"] == 1


def test_a_refresh_looks_at_once(tmp_path: Path, api: Api) -> None:
    shop = TeacherWorkspace(tmp_path, api.url)
    text = shop.workspace.config.read_text()
    patient = text.replace("poll_min_s = 0.05", "poll_min_s = 300").replace("= 0.2", "= 300")
    shop.workspace.config.write_text(patient)
    shop.ask(intents.Start(targets=("generate",)))
    supervisor = shop.supervise()
    shop.until(lambda: bool(shop.query("SELECT 1 FROM submissions WHERE state = 'validating'")))
    for _ in range(3):
        looked = len(shop.query("SELECT 1 FROM submission_states"))
        shop.ask(intents.Refresh(job=shop.job(NAIVE)))
        shop.until(partial(looked_more_than, shop, looked))
    assert shop.wait(supervisor) == 0
    assert set(shop.states().values()) == {"done"}, shop.story()
