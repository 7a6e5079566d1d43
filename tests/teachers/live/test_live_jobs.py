"""Jobs that call live: the same answers, whatever the server does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs.records import Answer, CallSent, CallUnpaid
from core.store import intents
from core.teachers.costs import prices
from tests import loopback
from tests.loopback import Api
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


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


def _kill(
    study: TeacherWorkspace, at: int, of: type[Answer | CallSent | CallUnpaid], when: str = "after"
) -> None:
    """One life of supervisor and worker, which ends around the `at`-th record `of` that class."""
    plan = {"at": at, "of": of.__struct_config__.tag, "when": when}
    (study.workspace.root / "kill.json").write_text(json.dumps(plan))
    study.ask(intents.Start(targets=("generate",)))
    study.finish(dying=True)


@pytest.mark.parametrize(("of", "when"), [(CallSent, "after"), (Answer, "before")])
def test_what_was_in_flight_at_a_kill_is_asked_about(
    tmp_path: Path, api: Api, of: type[Answer | CallSent | CallUnpaid], when: str
) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="max_concurrency = 1")
    _kill(study, 4, of, when)
    assert study.finish(dying=True) == 0
    # All others were answered; nothing was paid twice.
    assert study.states()[NAIVE] == "failed", study.story()
    assert "1 of 12 requests got no answer (1 lost)" in study.error(NAIVE)
    assert "may have been charged" in study.error(NAIVE)
    assert set(api.paid.values()) == {1}
    outcomes = study.outcomes()
    assert outcomes == {"ok": len(study.train) - 1, "lost": 1}
    paid = sum(api.paid.values())
    study.ask(intents.Retry(study.job(NAIVE)))
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert sum(api.paid.values()) == paid + 1
    assert "1 requests are sent again" in study.query("SELECT text FROM warnings")[0][0]
    assert study.query("SELECT count(*) FROM submissions WHERE NOT collected") == [(0,)]


def test_all_tries_of_what_was_in_flight_at_a_kill_are_counted(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is lost with its connection, the second with the worker."""
    answered = api._answered
    monkeypatch.setattr(api, "_answered", lambda body: answered(body) | {"padding": "…" * 600})
    api.faults.cut_replies = 1
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="max_concurrency = 1")
    _kill(study, 2, CallSent)
    assert study.finish(dying=True) == 0
    found = study.query("SELECT output_tokens FROM answers WHERE outcome = 'lost'")
    assert found == [(2 * prices.ANSWER,)], study.story()


def test_what_was_in_flight_is_sent_again_where_that_is_allowed(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher='max_concurrency = 1\nresend = "always"')
    _kill(study, 4, CallSent)
    assert study.finish(dying=True) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert sum(api.paid.values()) <= len(study.train) + 1
    assert "may be charged twice" in study.query("SELECT text FROM warnings")[0][0]


def test_what_was_refused_is_not_in_flight(tmp_path: Path, api: Api) -> None:
    """A worker that is killed while it waits for the rate limit has sent nothing that is paid."""
    api.faults.throttle = 1
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="max_concurrency = 1")
    _kill(study, 1, CallUnpaid)
    assert study.finish(dying=True) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert set(api.paid.values()) == {1}
    assert study.query("SELECT count(*) FROM answers WHERE outcome = 'lost'") == [(0,)]


def test_a_sending_that_is_repeated_has_the_same_idempotency_key(tmp_path: Path, api: Api) -> None:
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher='max_concurrency = 1\nresend = "always"')
    api.faults.content = lambda text: "empty" if len(api.idempotency_keys) == 1 else None
    _kill(study, 4, Answer, "before")
    assert study.finish(dying=True) == 0
    keys = Counter(api.idempotency_keys)
    # One was sent twice; the first one's second try, after an answer that was empty, is another sending.
    assert sorted(keys.values()) == [1] * (len(keys) - 1) + [2]
    assert len({key.rpartition("-")[0] for key in keys}) == len(study.train)
    assert len(keys) == len(study.train) + 1
