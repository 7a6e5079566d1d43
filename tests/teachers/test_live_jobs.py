"""Jobs that call live: the same answers, whatever the server does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def test_live_answers_are_those_of_a_batch(tmp_path: Path, api: Api) -> None:
    live = TeacherWorkspace(tmp_path / "live", api.url, mode="live")
    live.run()
    batch = TeacherWorkspace(tmp_path / "batch", api.url, dialogues=live.open().data.dialogues())
    batch.run()
    assert live.answers() == batch.answers()
    # How the teacher is reached is not part of the work: nothing is asked for again.
    assert live.job(NAIVE) == batch.job(NAIVE)
    live.configure(api.url, ["improve-human/naive"], mode="batch")
    before = sum(api.paid.values())
    live.run()
    assert sum(api.paid.values()) == before


@pytest.mark.parametrize(
    "faults", [{"throttle": 6, "retry_after": "0"}, {"fail_share": 0.3}, {"cut_replies": 4}], ids=str
)
def test_faults_are_overcome(tmp_path: Path, api: Api, faults: dict[str, object]) -> None:
    for name, value in faults.items():
        setattr(api.faults, name, value)
    study = TeacherWorkspace(tmp_path, api.url, mode="live")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert {line["dialog_id"] for line in study.answers()} == {d.dialog_id for d in study.train}
    # An answer whose reply was cut was paid for and never came: it alone is paid again.
    assert sum(api.paid.values()) <= len(study.train) + (4 if "cut_replies" in faults else 0)


def test_a_refused_key_stops_at_once(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode="live")
    study.run(key="sk-nobody-knows-this-one")
    assert study.states()[NAIVE] == "failed"
    assert "401" in study.error(NAIVE)
    assert not api.paid
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()


def test_what_stays_without_an_answer_is_asked_for_again_alone(tmp_path: Path, api: Api) -> None:
    api.faults.fail_share = 0.5
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="call_tries = 1")
    study.run()
    assert study.states()[NAIVE] == "failed"
    answered = len(study.query("SELECT 1 FROM answers WHERE outcome = 'ok'"))
    assert 0 < answered < len(study.train)
    assert f"{len(study.train) - answered} of {len(study.train)} requests got no answer" in study.error(NAIVE)
    api.faults.fail_share = 0.0
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}


def test_a_killed_session_loses_only_what_was_in_flight(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="max_concurrency = 1")
    # Started, progress, the intent, the session's begin, then five answers.
    (tmp_path / "kill.json").write_text(json.dumps({"at": 11, "when": "after"}))
    study.ask(intents.Start(targets=("generate",)))
    study.finish(dying=True)
    assert study.finish(dying=True) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(study.query("SELECT 1 FROM attempts")) == 2
    assert sum(api.paid.values()) <= len(study.train) + 1
    assert study.query("SELECT count(*) FROM submissions WHERE NOT collected") == [(0,)]
