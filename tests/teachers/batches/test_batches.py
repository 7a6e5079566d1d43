"""What can befall a batch, and what is left to do then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.store import intents
from tests import loopback
from tests.loopback import Api, expected_answer
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def test_a_recipe_from_a_batch(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    assert set(study.states().values()) == {"done"}
    study.assert_all_answered_once(api.paid)
    assert study.submissions() == [("completed", len(study.train))]
    # Answers came in another order than they were requested: each is where its request was.
    (uploaded,) = [file for file in api.files.values() if file["purpose"] == "batch"]
    asked = [json.loads(line) for line in uploaded["content"].splitlines()]
    by_dialogue = {line["dialog_id"]: line for line in study.answers()}
    for dialogue, request in zip(study.train, asked, strict=True):
        line = by_dialogue[dialogue.dialog_id]
        assert line["text"] == expected_answer(request["body"]["messages"])
        assert line["original"] == dialogue.responses["human"].text
        assert dialogue.utterance in request["body"]["messages"][0]["content"]
    (batch,) = api.batches.values()
    assert batch["metadata"]["workspace"] == tmp_path.name
    assert batch["metadata"]["job"] == study.job(NAIVE)


def test_sequential_is_one_conversation_in_three_rounds(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, ["improve-llm/sequential"])
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(api.batches) == 4
    initial = {line["dialog_id"]: line["text"] for line in study.answers("improve-llm/initial")}
    asked = [
        json.loads(line)["body"]["messages"]
        for file in api.files.values()
        if file["purpose"] == "batch"
        for line in file["content"].splitlines()
    ]
    last = [messages for messages in asked if len(messages) == 5]
    assert len(last) == len(study.train)
    final = {line["text"] for line in study.answers("improve-llm/sequential/compassionate")}
    for messages in last:
        assert [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
        # Each turn improves the answer of the one before.
        assert messages[1]["content"] == expected_answer(messages[:1])
        assert messages[3]["content"] == expected_answer(messages[:3])
        assert expected_answer(messages) in final
        assert any(text in messages[0]["content"] for text in initial.values())


def test_no_test_dialogue_is_ever_sent(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, ["improve-human/all_dimensions", "improve-llm/naive"])
    study.run()
    train = {d.dialog_id for d in study.train}
    assert {name for (name,) in study.query("SELECT DISTINCT dialog_id FROM answers")} == train
    workspace = study.open()
    try:
        tested = [d.utterance for d in workspace.data.dialogues() if d.split == "test"]
        own = {d.utterance for d in study.train}
    finally:
        workspace.close()
    sent = "".join(messages for _, messages in api.paid)
    assert tested
    assert not [text for text in tested if text not in own and json.dumps(text)[1:-1] in sent]


@pytest.mark.parametrize("share", ["fail_share", "missing_share"])
def test_only_what_failed_goes_into_the_next_batch(tmp_path: Path, api: Api, share: str) -> None:
    setattr(api.faults, share, 0.4)
    study = TeacherWorkspace(tmp_path, api.url, teacher="batch_tries = 40")
    study.run()
    study.assert_all_answered_once(api.paid)
    sizes = [requests for _, requests in study.submissions()]
    assert len(sizes) > 1
    assert sizes == sorted(sizes, reverse=True)
    found = study.query("SELECT outcome, count(*) FROM answers GROUP BY outcome")
    assert dict(found)["error" if share == "fail_share" else "missing"] == sum(sizes) - len(study.train)


def test_an_expired_batch_keeps_what_it_has(tmp_path: Path, api: Api) -> None:
    api.faults.expire = 1
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    study.assert_all_answered_once(api.paid)
    half = len(study.train) // 2
    assert study.submissions() == [("expired", len(study.train)), ("completed", len(study.train) - half)]
    assert study.outcomes()["expired"] == half


def test_a_large_file_is_split(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, teacher="batch_requests = 5")
    study.run()
    study.assert_all_answered_once(api.paid)
    assert sorted(requests for _, requests in study.submissions()) == [2, 5, 5]


def test_a_batch_that_never_has_files_is_failed_and_not_bought_again(tmp_path: Path, api: Api) -> None:
    api.faults.late_files = -1
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert f"{len(study.train)} more requests are completed than its result files" in study.error(NAIVE)
    assert study.submissions() == [("failed", len(study.train))]
    ((errors,),) = study.query("SELECT DISTINCT errors FROM submissions")
    assert "without any file" in errors
    # Asked again, it goes on: the tries begin anew.
    api.faults.late_files = 0
    study.ask(intents.Retry(job=study.job(NAIVE)))
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()


def test_a_batch_that_fails_as_a_whole_says_why(tmp_path: Path, api: Api) -> None:
    api.faults.fail_batches = 1
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "invalid_json_line" in study.error(NAIVE)
    assert "line 1" in study.error(NAIVE)
    study.run()
    study.assert_all_answered_once(api.paid)


def test_batches_wait_for_their_turn_in_a_full_queue(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, ["improve-human/naive", "improve-human/cognitive"])
    api.faults.queue_limit = len(study.train)
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}


def test_a_batch_cancelled_at_the_provider(tmp_path: Path, api: Api) -> None:
    api.faults.cancel = 1
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "was cancelled at the provider" in study.error(NAIVE)
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions()[1] == ("completed", len(study.train) - len(study.train) // 2)


@pytest.mark.parametrize("kind", ["refusal", "empty", "cut", "long"])
def test_an_unusable_answer_is_tried_again_then_left_out(tmp_path: Path, api: Api, kind: str) -> None:
    study = TeacherWorkspace(tmp_path, api.url, teacher="tries = 2\nmax_left_out = 0.1")
    unlucky = study.train[3]
    api.faults.content = lambda text: kind if unlucky.responses["human"].text in text else None
    alike = sum(d.responses["human"].text == unlucky.responses["human"].text for d in study.train)
    study.run()
    outcome = {"refusal": "refused"}.get(kind, kind)
    found = study.query("SELECT outcome, count(*) FROM answers WHERE outcome != 'ok' GROUP BY outcome")
    assert found == [(outcome, 2 * alike)]
    if alike / len(study.train) > 0.1:
        assert study.states()[NAIVE] == "failed"
        assert f"{alike} of {len(study.train)} answers cannot be used ({alike} {outcome})" in study.error(
            NAIVE
        )
        return
    assert set(study.states().values()) == {"done"}, study.story()
    assert study.result(NAIVE)["left_out_as"] == {outcome: alike}
    assert unlucky.dialog_id not in {line["dialog_id"] for line in study.answers()}
    assert study.result("recipe:improve-human/naive")["left_out"] == alike


def test_too_many_unusable_answers_are_a_failure(tmp_path: Path, api: Api) -> None:
    api.faults.content = lambda text: "refusal"
    study = TeacherWorkspace(tmp_path, api.url, teacher="tries = 1")
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "cannot be used (12 refused)" in study.error(NAIVE)
    api.faults.content = lambda text: None
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()


def test_an_answer_is_not_paid_again_when_the_data_changes(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    before = sum(api.paid.values())
    workspace = study.open()
    found = workspace.data.dialogues()
    workspace.close()
    index = next(i for i, d in enumerate(found) if d.split == "train")
    changed = msgspec.structs.replace(found[index], utterance="Nobody ever said this before.")
    study.import_([*found[:index], changed, *found[index + 1 :]])
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert sum(api.paid.values()) == before + 1
    assert study.submissions() == [("completed", len(study.train)), ("completed", 1)]
    newest = study.query("SELECT result FROM jobs WHERE stage = 'generate' ORDER BY rowid DESC LIMIT 1")
    assert json.loads(newest[0][0])["reused"] == len(study.train) - 1


def test_uploaded_files_are_deleted_after_collection(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    uploads = [name for name, file in api.files.items() if file["purpose"] == "batch"]
    assert uploads
    assert api.deleted == uploads
