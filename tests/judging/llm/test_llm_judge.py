"""Judges that are asked: what their answers mean, and comparisons behind a real API."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.errors import UserError
from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.servers.odd_answers_server import OddServer, completion
from tests.support.servers.scripted_server import serving
from tests.support.workspaces.judged_workspace import (
    CHATGPT_AND_HUMAN,
    COMPARE,
    DIFFERENT,
    HUMAN_AND_CHATGPT,
    IDENTICAL,
    TEST,
    compare,
    expected,
    judge_workspace,
    longer,
    shown,
    verdicts,
)


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_a_comparison_behind_an_api(tmp_path: Path, api: Api, mode: str) -> None:
    api.faults.content = longer
    made = judge_workspace(tmp_path, api, mode)
    made.run("compare")
    assert made.states() == {COMPARE: "done"}, made.story()
    found = verdicts(made)
    assert set(found) == {(d.dialog_id, order) for d in TEST for order in ("ab", "ba")}
    for dialogue in TEST:
        for order in ("ab", "ba"):
            assert found[dialogue.dialog_id, order][0] == expected(dialogue)
    # Each pair was shown in both orders, once, and identical responses never.
    assert set(api.paid.values()) == {1}
    assert len(api.paid) == 2 * len(DIFFERENT)
    wanted = {tuple(d.responses[s].text for s in ("human", "chatgpt")) for d in DIFFERENT}
    asked_pairs = [shown(msgspec.json.decode(messages)[0]["content"]) for _, messages in api.paid]
    assert {pair for pair in asked_pairs if pair in wanted} == wanted
    assert {pair[::-1] for pair in asked_pairs if pair[::-1] in wanted} == wanted
    assert found[IDENTICAL.dialog_id, "ab"] == ("tie", "identical responses")
    result = made.result(COMPARE)
    outcomes = [expected(d) for d in TEST]
    assert len(set(outcomes)) == 3, "the data has wins of both, and the tie"
    assert (result["n"], result["wins_a"], result["wins_b"], result["ties"], result["invalid"]) == (
        len(TEST),
        outcomes.count("a"),
        outcomes.count("b"),
        outcomes.count("tie"),
        0,
    )
    assert result["design"] == "both orders"
    assert result["verdicts"] == 2 * len(TEST)
    assert len(api.batches) == (mode == "batch")
    with made.open() as workspace:
        (rate,) = workspace.evaluation.win_rates()
        pair = next(
            p for p in workspace.evaluation.pairs("human", "chatgpt") if p.dialog_id == DIFFERENT[0].dialog_id
        )
    assert (rate.judge, rate.n, rate.invalid) == ("gpt", len(TEST), 0)
    assert rate.label == "gpt: its agreement with people was not measured"
    assert {(v.order, v.winner) for v in pair.verdicts} == {
        ("ab", expected(DIFFERENT[0])),
        ("ba", expected(DIFFERENT[0])),
    }


def test_a_judge_that_only_likes_the_first_place_finds_nothing_but_ties(tmp_path: Path, api: Api) -> None:
    api.faults.content = lambda text: "say:1"
    made = judge_workspace(tmp_path, api)
    made.run("compare")
    found = verdicts(made)
    for dialogue in DIFFERENT:
        assert found[dialogue.dialog_id, "ab"] == ("a", "1")
        assert found[dialogue.dialog_id, "ba"] == ("b", "1")
    result = made.result(COMPARE)
    assert (result["ties"], result["win_rate_b"]) == (len(TEST), 0.5)


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_answers_that_name_neither_are_invalid(tmp_path: Path, api: Api, mode: str) -> None:
    unclear, refused, half = DIFFERENT[:3]

    def content(text: str) -> str:
        if unclear.situation in text:
            return "say:Both are fine.\x1b[2J"
        if refused.situation in text:
            return "refusal"
        first, _ = shown(text)
        if half.situation in text and first == half.responses["human"].text:
            return "empty"
        return longer(text)

    api.faults.content = content
    made = judge_workspace(tmp_path, api, mode, more="tries = 2")
    made.run("compare")
    assert made.states() == {COMPARE: "done"}, made.story()
    found = verdicts(made)
    for order in ("ab", "ba"):
        assert found[unclear.dialog_id, order] == ("invalid", "Both are fine.\x1b[2J")
        assert found[refused.dialog_id, order] == ("invalid", "refused")
    assert found[half.dialog_id, "ab"] == ("invalid", "empty")
    assert found[half.dialog_id, "ba"][0] == expected(half)
    result = made.result(COMPARE)
    # One order alone decides nothing: the judge may have liked the place.
    assert (result["n"], result["invalid"], result["invalid_verdicts"]) == (len(TEST), 3, 5)
    assert result["wins_a"] + result["wins_b"] + result["ties"] == len(TEST) - 3
    assert sorted(api.paid.values()) == [1] * (2 * len(DIFFERENT) - 5) + [2] * 5


def test_an_invalid_answer_is_asked_for_again(tmp_path: Path, api: Api) -> None:
    asked: Counter[str] = Counter()

    def content(text: str) -> str:
        asked[text] += 1
        is_unclear = asked[text] < 3 and DIFFERENT[0].situation not in text
        return "say:Well, it depends." if is_unclear else longer(text)

    api.faults.content = content
    made = judge_workspace(tmp_path, api, more="tries = 3")
    made.run("compare")
    assert made.result(COMPARE)["invalid_verdicts"] == 0
    assert sorted(api.paid.values()) == [1] * 2 + [3] * (2 * len(DIFFERENT) - 2)


def test_a_pair_is_asked_about_as_often_as_configured(tmp_path: Path, api: Api) -> None:
    """A judge that changes its mind: two of three times for one response, in either order."""
    asked: Counter[str] = Counter()

    def content(text: str) -> str:
        asked[text] += 1
        said = longer(text)
        return said if asked[text] != 2 else "say:2" if said == "say:1" else "say:1"

    api.faults.content = content
    made = judge_workspace(tmp_path, api, "batch", more="repeats = 3")
    made.run("compare")
    assert made.states() == {COMPARE: "done"}, made.story()
    # Three requests of one wording, each with a name of its own.
    assert set(api.paid.values()) == {3}
    result = made.result(COMPARE)
    assert result["verdicts"] == 6 * len(TEST)
    assert result["design"] == "both orders, 3 times"
    outcomes = [expected(d) for d in TEST]
    assert (result["wins_a"], result["wins_b"]) == (outcomes.count("a"), outcomes.count("b"))
    with made.open() as workspace:
        pair = next(
            p for p in workspace.evaluation.pairs("human", "chatgpt") if p.dialog_id == DIFFERENT[0].dialog_id
        )
    assert sorted((v.order, v.number) for v in pair.verdicts) == [
        (order, number) for order in ("ab", "ba") for number in (1, 2, 3)
    ]


def test_without_an_answer_there_is_no_verdict_and_a_retry_asks_for_the_rest(
    tmp_path: Path, api: Api
) -> None:
    api.faults.content = longer
    api.faults.fail_share = 0.4
    made = judge_workspace(tmp_path, api, more="call_tries = 1")
    made.run("compare")
    assert made.states() == {COMPARE: "failed"}, made.story()
    answered = len(api.paid)
    wanted = 2 * len(DIFFERENT)
    assert 0 < answered < wanted
    assert f"{wanted - answered} of {wanted} requests for verdicts got no answer" in made.error(COMPARE)
    assert verdicts(made) == {}
    api.faults.fail_share = 0.0
    made.ask(intents.Retry(job=made.job(COMPARE)))
    assert made.finish() == 0
    assert made.states() == {COMPARE: "done"}, made.story()
    assert len(verdicts(made)) == 2 * len(TEST)
    assert set(api.paid.values()) == {1}


def test_the_same_question_is_paid_once_whoever_asks(tmp_path: Path, api: Api) -> None:
    """Two judges of one model, and the comparison turned round: all the same requests."""
    api.faults.content = longer
    both = HUMAN_AND_CHATGPT + CHATGPT_AND_HUMAN
    made = judge_workspace(tmp_path, api, "batch", ("gpt", "again"), comparisons=both)
    made.run("compare")
    assert set(made.states().values()) == {"done"}, made.story()
    assert len(made.states()) == 4
    assert len(api.paid) == 2 * len(DIFFERENT)
    assert set(api.paid.values()) == {1}
    one = made.result(COMPARE)
    turned = made.result("compare:chatgpt vs human @ again")
    assert (one["wins_a"], one["wins_b"], one["ties"]) == (
        turned["wins_b"],
        turned["wins_a"],
        turned["ties"],
    )
    assert one["win_rate_b"] == pytest.approx(1 - turned["win_rate_b"])


def test_identical_responses_everywhere_ask_nobody(tmp_path: Path, api: Api) -> None:
    made = judge_workspace(tmp_path, api, comparisons='[[comparisons.extra]]\na = "human"\nb = "human"\n')
    made.run("compare")
    name = "compare:human vs human @ gpt"
    assert made.states() == {name: "done"}, made.story()
    assert not api.calls
    assert {winner for winner, _ in verdicts(made, name).values()} == {"tie"}
    assert made.result(name)["ties"] == len(TEST)


def test_killed_on_the_way(tmp_path: Path, api: Api) -> None:
    """Worker and supervisor die before the batch is there, after it came, and among the verdicts."""
    api.faults.content = longer

    def life(root: Path, at: int) -> tuple[int, dict[tuple[str, str], tuple[str, str]], object]:
        api.paid.clear()
        creates = api.calls["create"]
        made = judge_workspace(root, api, "batch")
        (root / "kill.json").write_text(json.dumps({"at": at, "when": "after"}))
        made.ask(intents.Start(targets=("compare",)))
        code = made.finish(dying=True)
        assert made.finish(dying=True) == 0, made.story()
        assert made.states() == {COMPARE: "done"}, made.story()
        assert len(api.paid) == 2 * len(DIFFERENT)
        assert set(api.paid.values()) == {1}, f"{at}: paid twice\n{made.story()}"
        assert api.calls["create"] == creates + 1, f"{at}: submitted twice\n{made.story()}"
        return code, verdicts(made), made.result(COMPARE)

    expected = life(tmp_path / "none", 0)
    assert expected[0] == 0
    records = int((tmp_path / "none" / "journalled.txt").read_text())
    assert records > 8
    for at in (3, records - 4, records - 1):
        code, *left = life(tmp_path / str(at), at)
        assert code == -signal.SIGKILL
        assert left == list(expected[1:]), at


def test_the_papers_way_shows_the_baseline_first_and_once(tmp_path: Path, api: Api) -> None:
    api.faults.content = lambda text: "say:1"
    made = judge_workspace(tmp_path, api, more="swap = false\n")
    made.run("compare")
    assert made.states() == {COMPARE: "done"}, made.story()
    assert {order for _, order in verdicts(made)} == {"ab"}
    assert len(api.paid) == len(DIFFERENT)
    result = made.result(COMPARE)
    # A judge that only likes the first place has the baseline win everything.
    assert (result["wins_a"], result["design"]) == (len(DIFFERENT), "the baseline first")
    # Which is which is unknown from one order.
    assert result["prefers_first"] is None
    assert result["flip_rate"] is None
    assert result["interval"] == "Wilson 95 %, effective sample size"


def test_both_orders_find_a_liking_for_a_place_out(tmp_path: Path, api: Api) -> None:
    api.faults.content = lambda text: "say:1"
    made = judge_workspace(tmp_path, api)
    made.run("compare")
    result = made.result(COMPARE)
    assert result["ties"] == len(TEST)
    assert result["prefers_first"] == 1
    # Identical responses are never shown, so no order can matter to them.
    assert (result["flip_rate"], result["paired"]) == (1, len(DIFFERENT))
    assert result["design"] == "both orders"
    workspace = made.open()
    (rate,) = workspace.evaluation.win_rates()
    workspace.close()
    assert (rate.prefers_first, rate.flip_rate) == (1, result["flip_rate"])


def test_verdicts_behind_thinking_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")
    odd = OddServer()

    def answer(asked: str) -> dict[str, Any]:
        digit = longer(asked).removeprefix("say:")
        # Cut after the verdict: it is complete.
        return completion(f"<think>\n\n</think>\n\n**{digit}**", finish_reason="length")

    odd.answer = answer
    with serving(odd) as server:
        result = compare(tmp_path, f"{server.url}/v1")
    assert (result.n, result.invalid_verdicts, len(odd.asked)) == (len(TEST), 0, 2 * len(DIFFERENT))
    outcomes = [expected(dialogue) for dialogue in TEST]
    assert (result.wins_a, result.wins_b) == (outcomes.count("a"), outcomes.count("b"))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (completion(None, finish_reason="length"), "cut at max_output_tokens"),
        (completion("Both are kind."), "Both are kind."),
    ],
)
def test_a_judge_without_valid_verdicts_fails_and_shows_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], shown: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")
    with serving(OddServer(lambda asked: body)) as server, pytest.raises(UserError) as error:
        compare(tmp_path, f"{server.url}/v1", tries=1)
    assert f"only 0 of {2 * len(DIFFERENT)} verdicts name a response" in str(error.value)
    assert shown in str(error.value)
