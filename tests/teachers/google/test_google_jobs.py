"""Whole jobs with Gemini as the teacher, live and in batches."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.store import intents
from core.teachers.settings import api_keys
from tests.loopback import KEY, expected_answer, google_server
from tests.loopback.google_api import CONTENT, GoogleApi
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[GoogleApi]:
    with google_server.running() as found:
        yield found


def workshop(root: Path, api: GoogleApi, *recipes: str, **settings: Any) -> TeacherWorkspace:
    return TeacherWorkspace(root, api.url, recipes or ("improve-human/naive",), provider="google", **settings)


@pytest.mark.parametrize("states", ["BATCH_STATE_", "JOB_STATE_"])
def test_a_recipe_from_a_batch(tmp_path: Path, api: GoogleApi, states: str) -> None:
    api.states = states
    study = workshop(tmp_path, api)
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions() == [("completed", len(study.train))]
    (sent,) = [file for file in api.files.values() if not file["generated"]]
    asked = [json.loads(line) for line in sent["content"].splitlines()]
    by_dialogue = {line["dialog_id"]: line for line in study.answers()}
    for dialogue, line in zip(study.train, asked, strict=True):
        (turn,) = line["request"]["contents"]
        text = turn["parts"][0]["text"]
        assert dialogue.utterance in text
        answer = by_dialogue[dialogue.dialog_id]
        assert answer["text"] == expected_answer([{"role": "user", "content": text}])
    ((path, of),) = [(name, batch) for name, batch in api.batches.items()]
    submissions = study.query("SELECT batch, completed, failed, total, key_digest FROM submissions")
    assert submissions == [(path, len(study.train), 0, len(study.train), api_keys.digest(KEY))]
    ((token,),) = study.query("SELECT token FROM submissions")
    assert of["displayName"] == f"empathy-tui {tmp_path.name}/{study.job(NAIVE)}/{token}"


def test_sequential_is_one_conversation(tmp_path: Path, api: GoogleApi) -> None:
    study = workshop(tmp_path, api, "improve-human/sequential")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(api.batches) == 3
    final = {line["text"] for line in study.answers("improve-human/sequential/compassionate")}
    asked = [json.loads(messages) for _, messages in api.paid]
    last = [messages for messages in asked if len(messages) == 5]
    assert len(last) == len(study.train)
    for messages in last:
        assert [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
        assert messages[3]["content"] == expected_answer(messages[:3])
        assert expected_answer(messages) in final


@pytest.mark.parametrize("share", ["fail_share", "missing_share"])
def test_only_what_failed_goes_into_the_next_batch(tmp_path: Path, api: GoogleApi, share: str) -> None:
    setattr(api.faults, share, 0.4)
    study = workshop(tmp_path, api, teacher="batch_tries = 40")
    study.run()
    study.assert_all_answered_once(api.paid)
    sizes = [requests for _, requests in study.submissions()]
    assert len(sizes) > 1
    assert sizes == sorted(sizes, reverse=True)
    outcome = "error" if share == "fail_share" else "missing"
    assert study.outcomes()[outcome] == sum(sizes) - len(study.train)


@pytest.mark.parametrize(("fault", "outcome"), [("expire", "expired"), ("partial", "missing")])
def test_a_batch_that_ends_before_its_end(tmp_path: Path, api: GoogleApi, fault: str, outcome: str) -> None:
    setattr(api.faults, fault, 1)
    study = workshop(tmp_path, api)
    study.run()
    study.assert_all_answered_once(api.paid)
    lost = len(study.train) if fault == "expire" else len(study.train) - len(study.train) // 2
    assert [requests for _, requests in study.submissions()] == [len(study.train), lost]
    assert study.outcomes()[outcome] == lost


def test_a_lost_reply_is_found_by_its_token(tmp_path: Path, api: GoogleApi) -> None:
    for number in range(4):
        # Other people's batches, on the pages before.
        api.files[f"files/other{number}"] = {
            "account": KEY,
            "displayName": "",
            "content": b"{}",
            "generated": 0,
        }
        of = {"displayName": f"mine {number}", "inputConfig": {"fileName": f"files/other{number}"}}
        api.create(KEY, "models/gemini-2.0-flash", {"batch": of})
    api.faults.lose_creates = 1
    study = workshop(tmp_path, api)
    study.run()
    study.assert_all_answered_once(api.paid)
    assert api.calls["create"] == 1
    assert study.submissions() == [("completed", len(study.train))]


def test_a_batch_that_fails_as_a_whole_says_why(tmp_path: Path, api: GoogleApi) -> None:
    api.faults.fail_batches = 1
    api.faults.failure = ("INVALID", "Line 7 is no JSON.")
    study = workshop(tmp_path, api)
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "Line 7 is no JSON." in study.error(NAIVE)
    study.run()
    study.assert_all_answered_once(api.paid)


def test_batches_wait_for_their_turn_in_a_full_queue(tmp_path: Path, api: GoogleApi) -> None:
    study = workshop(tmp_path, api, "improve-human/naive", "improve-human/cognitive")
    api.faults.queue_limit = len(study.train)
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}


@pytest.mark.parametrize("mode", ["batch", "live"])
@pytest.mark.parametrize("kind", CONTENT)
def test_an_unusable_answer_is_left_out_and_tried_again_before_unless_it_was_filtered(
    tmp_path: Path, api: GoogleApi, kind: str, mode: str
) -> None:
    study = workshop(tmp_path, api, mode=mode, teacher="tries = 2\nmax_left_out = 0.5")
    unlucky = study.train[3]
    api.faults.content = lambda text: kind if unlucky.responses["human"].text in text else None
    alike = sum(d.responses["human"].text == unlucky.responses["human"].text for d in study.train)
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    tries = 1 if CONTENT[kind] == "filtered" else 2
    assert study.outcomes() == {"ok": len(study.train) - alike, CONTENT[kind]: tries * alike}
    assert study.result(NAIVE)["left_out_as"] == {CONTENT[kind]: alike}
    assert unlucky.dialog_id not in {line["dialog_id"] for line in study.answers()}


@pytest.mark.parametrize(
    "faults", [{"throttle": 6, "retry_after": "0"}, {"fail_share": 0.3}, {"cut_replies": 4}], ids=str
)
def test_live_faults_are_overcome(tmp_path: Path, api: GoogleApi, faults: dict[str, Any]) -> None:
    for name, value in faults.items():
        setattr(api.faults, name, value)
    study = workshop(tmp_path, api, mode="live")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert {line["dialog_id"] for line in study.answers()} == {d.dialog_id for d in study.train}
    # An answer whose reply was cut was paid for and never came: it alone is paid again.
    assert sum(api.paid.values()) <= len(study.train) + (4 if "cut_replies" in faults else 0)


@pytest.mark.parametrize("mode", ["batch", "live"])
def test_a_wrong_key_stops_at_once_and_is_kept_out_of_everything(
    tmp_path: Path, api: GoogleApi, mode: str
) -> None:
    study = workshop(tmp_path, api, mode=mode)
    wrong = "AIzaNobodyKnowsThisOne0123456789"
    study.run(key=wrong)
    assert study.states()[NAIVE] == "failed"
    assert "API key not valid" in study.error(NAIVE)
    assert not api.paid
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or wrong.encode() not in path.read_bytes(), path
    study.run()
    study.assert_all_answered_once(api.paid)


def test_cancelling_keeps_what_was_answered(tmp_path: Path, api: GoogleApi) -> None:
    study = workshop(tmp_path, api)
    api.faults.hold = True
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    study.until_in_progress()
    study.ask(intents.Cancel(job=study.job(NAIVE)))
    assert study.wait(supervisor) == 0
    assert study.states()[NAIVE] == "cancelled"
    assert [batch["state"] for batch in api.batches.values()] == ["CANCELLED"]
    assert study.query("SELECT state, collected FROM submissions") == [("cancelled", 1)]
    half = len(study.train) // 2
    assert study.outcomes() == {"ok": half}
    api.faults.hold = False
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions()[1] == ("completed", len(study.train) - half)


def killed_while_waiting(study: TeacherWorkspace, api: GoogleApi) -> None:
    """Submit a batch, and kill everything while it is in progress and stays there."""
    api.faults.hold = True
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    study.until_in_progress()
    ((pid,),) = study.query("SELECT pid FROM attempts WHERE state = 'running'")
    supervisor.kill()
    supervisor.wait()
    os.kill(pid, signal.SIGKILL)


def test_a_killed_worker_is_followed_by_one_that_collects(tmp_path: Path, api: GoogleApi) -> None:
    study = workshop(tmp_path, api)
    killed_while_waiting(study, api)
    api.faults.hold = False
    assert study.finish() == 0
    study.assert_all_answered_once(api.paid)
    assert api.calls["create"] == 1
    assert len(study.query("SELECT 1 FROM attempts WHERE job = ?", study.job(NAIVE))) == 2


def adopting(root: Path, api: GoogleApi, first: TeacherWorkspace, *named: str) -> TeacherWorkspace:
    """Another workspace on the same data, whose requests have the same keys, with batches named there."""
    study = workshop(root, api, dialogues=first.open().data.dialogues())
    study.ask(intents.Pause())
    study.ask(intents.Start(targets=("recipe",)))
    for name in named:
        study.ask(intents.Adopt(job=first.job(NAIVE), batch=name))
    study.ask(intents.Resume())
    return study


@pytest.mark.parametrize("partial", [0, 1])
def test_an_ended_batch_is_adopted_by_its_results(tmp_path: Path, api: GoogleApi, partial: int) -> None:
    api.faults.partial = partial
    first = workshop(tmp_path / "first", api)
    first.run()
    before = len(api.batches)
    second = adopting(tmp_path / "second", api, first, *api.batches)
    assert second.finish() == 0
    assert set(second.states().values()) == {"done"}, second.story()
    assert second.answers() == first.answers()
    assert len(api.batches) == before == 1 + partial
    assert set(api.paid.values()) == {1}
    held = [requests for _, requests in second.submissions()]
    assert sum(held) == len(second.train)
    assert second.query("SELECT DISTINCT state FROM submissions") == [("completed",)]


def test_nothing_is_sent_while_a_named_batch_may_hold_it(tmp_path: Path, api: GoogleApi) -> None:
    first = workshop(tmp_path / "first", api)
    killed_while_waiting(first, api)
    second = adopting(tmp_path / "second", api, first, *api.batches)
    looked = api.calls["get"]
    supervisor = second.supervise()
    second.until(lambda: api.calls["get"] > looked + 2)
    assert api.calls["create"] == 1
    assert not second.query("SELECT 1 FROM submissions")
    api.faults.hold = False
    assert second.wait(supervisor) == 0
    second.assert_all_answered_once(api.paid)
    assert api.calls["create"] == 1


def test_what_cannot_be_adopted_is_reported_and_blocks_nothing(tmp_path: Path, api: GoogleApi) -> None:
    api.faults.expire = 1
    first = workshop(tmp_path / "first", api, "improve-human/cognitive")
    first.run()
    expired, other = api.batches
    study = workshop(tmp_path / "second", api)
    study.ask(intents.Start(targets=("recipe",)))
    study.ask(intents.Pause())
    assert study.finish() == 0
    for name in (expired, other, "batches/nobody-has-it", "no name of one"):
        study.ask(intents.Adopt(job=study.job(NAIVE), batch=name))
    study.ask(intents.Resume())
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()
    errors = dict(study.query("SELECT batch, errors FROM submissions WHERE errors != '[]'"))
    assert "ended as expired without results" in errors[expired]
    assert f"none of its {len(first.train)} requests" in errors[other]
    assert "not found" in errors["batches/nobody-has-it"]
    assert "is not the name of a batch" in errors["no name of one"]
