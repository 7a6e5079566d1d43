"""Whole jobs with Claude as the teacher, live and in batches."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.store import intents
from core.teachers.settings import api_keys
from tests.loopback import KEY, anthropic_server, expected_answer
from tests.loopback.anthropic_api import CONTENT, AnthropicApi
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[AnthropicApi]:
    with anthropic_server.running() as found:
        yield found


def workshop(root: Path, api: AnthropicApi, *recipes: str, **settings: Any) -> TeacherWorkspace:
    return TeacherWorkspace(
        root, api.url, recipes or ("improve-human/naive",), provider="anthropic", **settings
    )


def test_a_recipe_from_a_batch(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api)
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions() == [("completed", len(study.train))]
    ((name, batch),) = api.batches.items()
    ((token,),) = study.query("SELECT token FROM submissions")
    by_dialogue = {line["dialog_id"]: line for line in study.answers()}
    for dialogue, request in zip(study.train, batch["requests"], strict=True):
        key, _, owner = request["custom_id"].partition("-")
        assert (len(key), owner) == (32, token)
        (turn,) = request["params"]["messages"]
        assert dialogue.utterance in turn["content"]
        assert by_dialogue[dialogue.dialog_id]["text"] == expected_answer([turn])
    submissions = study.query("SELECT batch, completed, failed, total, key_digest FROM submissions")
    assert submissions == [(name, len(study.train), 0, len(study.train), api_keys.digest(KEY))]


def test_sequential_is_one_conversation(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api, "improve-human/sequential")
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert len(api.batches) == 3
    asked = [json.loads(messages) for _, messages in api.paid]
    last = [messages for messages in asked if len(messages) == 5]
    assert len(last) == len(study.train)
    for messages in last:
        assert messages[3]["content"] == expected_answer(messages[:3])


def test_errors_and_expired_requests_go_into_the_next_batch(tmp_path: Path, api: AnthropicApi) -> None:
    api.faults.fail_share = 0.3
    api.faults.expire = 1
    study = workshop(tmp_path, api, teacher="batch_tries = 40")
    study.run()
    study.assert_all_answered_once(api.paid)
    sizes = [requests for _, requests in study.submissions()]
    assert sizes == sorted(sizes, reverse=True)
    found = study.outcomes()
    assert found["expired"] == len(study.train) - len(study.train) // 2
    assert found.get("error", 0) + found["expired"] == sum(sizes) - len(study.train)
    assert study.submissions()[0][0] == "expired"


def lost_among_others(study: TeacherWorkspace, api: AnthropicApi) -> None:
    """Lose the reply to a creation while the account has other batches of as many requests."""
    size = len(study.train)
    for owner in ("-another", ""):
        params = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        asked = [{"custom_id": f"{number:032x}{owner}", "params": params} for number in range(size)]
        api.create(KEY, 1, {"requests": asked})
    api.calls["create"] = 0
    api.faults.lose_creates = 1
    api.faults.hold = True


def test_a_lost_reply_is_found_by_the_results_of_its_batch(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api)
    lost_among_others(study, api)
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    # While the batches run, it is not known which one is its own, and nothing is sent again.
    study.until(lambda: api.calls["list"] > 8)
    study.until(lambda: bool(study.query("SELECT 1 FROM jobs WHERE waiting LIKE '%until they have ended%'")))
    assert api.calls["create"] == 1
    api.faults.hold = False
    assert study.wait(supervisor) == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1
    own = [json.loads(messages)[0]["content"] for _, messages in api.paid]
    assert sum(text != "hi" for text in own) == len(study.train)
    assert study.query("SELECT batch, state FROM submissions") == [("msgbatch_000002", "completed")]


def test_results_that_do_not_show_whose_they_are_ask_the_user(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api)
    lost_among_others(study, api)
    api.faults.hold = False
    for name in ("msgbatch_000000", "msgbatch_000001"):
        # Archived: the results are gone.
        api.retrieve(KEY, name)
        api.batches[name]["shown"]["results_url"] = None
    content = api.content
    api.content = lambda account, name: b"\xff\n" if len(api.batches) == 3 else content(account, name)  # type: ignore[method-assign]
    study.run()
    assert study.states()[NAIVE] == "failed"
    assert "batches adopt ID" in study.error(NAIVE)
    assert api.calls["create"] == 1
    # The user names it, and nothing is sent again.
    api.content = content  # type: ignore[method-assign]
    study.ask(intents.Adopt(job=study.job(NAIVE), batch="msgbatch_000002"))
    study.ask(intents.Retry(job=study.job(NAIVE)))
    assert study.finish() == 0
    assert set(study.states().values()) == {"done"}, study.story()
    assert api.calls["create"] == 1


def test_a_creation_that_never_came_is_sent_once_more(tmp_path: Path, api: AnthropicApi) -> None:
    create = api.create
    lost = [True]

    def refuse(account: str, size: int, body: dict[str, Any]) -> dict[str, Any]:
        if lost.pop() if lost else False:
            raise ConnectionAbortedError
        return create(account, size, body)

    api.create = refuse  # type: ignore[method-assign]
    study = workshop(tmp_path, api)
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions() == [("failed", len(study.train)), ("completed", len(study.train))]


@pytest.mark.parametrize(("kind", "mode"), zip(CONTENT, itertools.cycle(("batch", "live"))))
def test_an_unusable_answer_is_tried_again_then_left_out(
    tmp_path: Path, api: AnthropicApi, kind: str, mode: str
) -> None:
    study = workshop(tmp_path, api, mode=mode, teacher="tries = 2\nmax_left_out = 0.5")
    unlucky = study.train[3]
    api.faults.content = lambda text: kind if unlucky.responses["human"].text in text else None
    alike = sum(d.responses["human"].text == unlucky.responses["human"].text for d in study.train)
    study.run()
    assert set(study.states().values()) == {"done"}, study.story()
    assert study.outcomes() == {"ok": len(study.train) - alike, CONTENT[kind]: 2 * alike}
    assert study.result(NAIVE)["left_out_as"] == {CONTENT[kind]: alike}


@pytest.mark.parametrize(
    "faults", [{"throttle": 3, "overload": 9, "retry_after": "0"}, {"fail_share": 0.3}], ids=str
)
def test_live_faults_are_overcome(tmp_path: Path, api: AnthropicApi, faults: dict[str, Any]) -> None:
    for name, value in faults.items():
        setattr(api.faults, name, value)
    study = workshop(tmp_path, api, mode="live")
    study.run()
    study.assert_all_answered_once(api.paid)


@pytest.mark.parametrize("mode", ["batch", "live"])
def test_a_wrong_key_stops_at_once_and_is_kept_out_of_everything(
    tmp_path: Path, api: AnthropicApi, mode: str
) -> None:
    study = workshop(tmp_path, api, mode=mode)
    wrong = "sk-ant-NobodyKnowsThisOne0123456789"
    study.run(key=wrong)
    assert study.states()[NAIVE] == "failed"
    assert "invalid x-api-key: check the API key in ANTHROPIC_API_KEY" in study.error(NAIVE)
    assert not api.paid
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or wrong.encode() not in path.read_bytes(), path


def test_reasoning_is_set_learned_paid_and_left_out(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api, mode="batch", teacher="reasoning_effort = 'low'\ntemperature = 0.5")
    study.run()
    study.assert_all_answered_once(api.paid)
    # The first batch was refused because of the temperature, and nothing was paid for it.
    assert len(api.batches) == 2
    sent = api.bodies[-1]
    assert (sent["thinking"], sent["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert "temperature" not in sent
    assert not any("tired" in line["text"] for line in study.answers())
    assert set(study.query("SELECT output_tokens FROM answers WHERE outcome = 'ok'")) == {(160,)}
    assert study.result(NAIVE)["cleaned"] == {"thinking": len(study.train)}


def test_cancelling_keeps_what_was_answered(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api)
    api.faults.hold = True
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    study.until_in_progress()
    study.ask(intents.Cancel(job=study.job(NAIVE)))
    assert study.wait(supervisor) == 0
    assert study.states()[NAIVE] == "cancelled"
    assert study.query("SELECT state, collected FROM submissions") == [("cancelled", 1)]
    half = len(study.train) // 2
    assert study.outcomes() == {"ok": half}
    api.faults.hold = False
    study.run()
    study.assert_all_answered_once(api.paid)
    assert study.submissions()[1] == ("completed", len(study.train) - half)


def test_a_killed_worker_is_followed_by_one_that_collects(tmp_path: Path, api: AnthropicApi) -> None:
    study = workshop(tmp_path, api)
    api.faults.hold = True
    study.ask(intents.Start(targets=("recipe",)))
    supervisor = study.supervise()
    study.until_in_progress()
    ((pid,),) = study.query("SELECT pid FROM attempts WHERE state = 'running'")
    supervisor.kill()
    supervisor.wait()
    os.kill(pid, signal.SIGKILL)
    api.faults.hold = False
    assert study.finish() == 0
    study.assert_all_answered_once(api.paid)
    assert api.calls["create"] == 1


def test_an_ended_batch_is_adopted_by_its_results(tmp_path: Path, api: AnthropicApi) -> None:
    first = workshop(tmp_path / "first", api)
    first.run()
    second = workshop(tmp_path / "second", api, dialogues=first.open().data.dialogues())
    second.ask(intents.Pause())
    second.ask(intents.Start(targets=("recipe",)))
    second.ask(intents.Adopt(job=first.job(NAIVE), batch=next(iter(api.batches))))
    second.ask(intents.Resume())
    assert second.finish() == 0
    assert second.answers() == first.answers()
    assert len(api.batches) == 1
    assert set(api.paid.values()) == {1}


def test_tokens_written_to_the_cache_have_their_price(tmp_path: Path, api: AnthropicApi) -> None:
    api.faults.cache_write = 10
    prices = """
[prices]
date = 2026-11-01
[prices.models."claude-haiku-4-5"]
input = 2.0
cached_input = 0.5
output = 4.0
batch_input = 1.0
batch_output = 2.0
batch_cached_input = 0.25
batch_cache_write = 3.0
"""
    study = workshop(tmp_path, api, more=prices)
    study.run()
    study.assert_all_answered_once(api.paid)
    rows = study.query("SELECT input_tokens, cached_tokens, output_tokens, usd FROM answers")
    for given, cached, output, usd in rows:
        fresh = given - cached - 10
        assert usd == pytest.approx((fresh * 1.0 + cached * 0.25 + 10 * 3.0 + output * 2.0) / 1e6)
