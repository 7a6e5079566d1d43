"""How sure a judge was: from the log-probabilities of its answer, over the wire into the win rate."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.judging.llm import verdict_probabilities
from tests import loopback
from tests.loopback import google_server
from tests.loopback.openai_api import Faults
from tests.support.workspaces.judged_workspace import COMPARE, DIFFERENT, TEST, judge_workspace, longer
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

tokens = st.sampled_from(["1", "2", " 1", "**2**", "(1)", "12", "one", "Response", "", "\n"])
log_probabilities = st.dictionaries(tokens, st.floats(-50, 0), max_size=8)


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"1": math.log(0.8), "2": math.log(0.2)}, 0.2),
        ({"1": math.log(0.3), " 1": math.log(0.3), "2": math.log(0.2), "The": math.log(0.2)}, 0.25),
        # Only one was reported: the other has at most the least likely of those, and at most what is left.
        ({"2": math.log(0.8), "The": math.log(0.05), "I": math.log(0.05)}, 0.8 / 0.85),
        ({"2": math.log(0.9), "The": math.log(0.05), "I": math.log(0.03)}, 0.9 / 0.92),
        ({"1": 0.0}, 0.0),
        ({"1": math.log(0.7), " 1": math.log(0.299)}, 0.001),
        ({"2": 900.0}, 1.0),
        ({"1": math.log(0.9), "2": -9999.0}, 0.0),
        ({"The": -0.1, "12": -3.0}, None),
        ({}, None),
        (None, None),
    ],
)
def test_known_probabilities(logprobs: dict[str, float] | None, expected: float | None) -> None:
    found = verdict_probabilities.probability_b(logprobs, "ab")
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


@given(log_probabilities)
def test_the_other_order_is_the_mirror(logprobs: dict[str, float]) -> None:
    one, other = (
        verdict_probabilities.probability_b(logprobs, "ab"),
        verdict_probabilities.probability_b(logprobs, "ba"),
    )
    if one is None or other is None:
        assert one is other is None
        return
    assert 0 <= one <= 1
    assert one + other == pytest.approx(1)


def sure(text: str) -> dict[str, float]:
    """Nine in ten for the response that the judge names."""
    named = longer(text).removeprefix("say:")
    return {named: math.log(0.9), "2" if named == "1" else "1": math.log(0.1), "Both": math.log(0.001)}


def check(made: TeacherWorkspace, name: str = COMPARE) -> None:
    made.run("compare")
    assert made.states() == {name: "done"}, made.story()
    with made.open() as workspace:
        (rate,) = workspace.evaluation.win_rates()
        pairs = {pair.dialog_id: pair for pair in workspace.evaluation.pairs("human", "chatgpt")}
    for dialogue in DIFFERENT:
        for verdict in pairs[dialogue.dialog_id].verdicts:
            assert verdict.probability_b == pytest.approx(0.9 if verdict.winner == "b" else 0.1)
    assert rate.n == len(TEST)
    assert rate.wins_b is not None
    assert rate.wins_a is not None
    wanted = (0.9 * rate.wins_b + 0.1 * rate.wins_a + 0.5) / len(TEST)
    assert rate.probability_win_rate_b == pytest.approx(wanted)
    assert rate.probability_low is not None
    assert rate.probability_high is not None
    assert rate.probability_low < wanted < rate.probability_high


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_verdicts_with_probabilities_by_openai(tmp_path: Path, mode: str) -> None:
    with loopback.running(Faults(content=longer, logprobs=sure)) as api:
        check(judge_workspace(tmp_path, api, mode, more="top_logprobs = 5\n"))


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_verdicts_with_probabilities_by_google(tmp_path: Path, mode: str) -> None:
    with google_server.running() as api:
        api.faults.content, api.faults.logprobs = longer, sure
        made = judge_workspace(tmp_path, api, mode, more="top_logprobs = 5\n")  # type: ignore[arg-type]
        text = made.workspace.config.read_text()
        made.workspace.config.write_text(
            text.replace('"openai"', '"google"').replace("gpt-4o", "gemini-2.0-flash")
        )
        check(made)


def test_an_api_that_tells_none(tmp_path: Path) -> None:
    with loopback.running(Faults(content=longer)) as api:
        made = judge_workspace(tmp_path, api, more="top_logprobs = 5\n")
        made.run("compare")
        result = made.result(COMPARE)
    assert result["win_rate_b"] is not None
    assert result["probability_win_rate_b"] is None


def test_an_api_that_refuses(tmp_path: Path) -> None:
    with loopback.running(
        Faults(content=longer, refuse="'logprobs' is not supported with this model")
    ) as api:
        made = judge_workspace(tmp_path, api, more="top_logprobs = 5\n")
        made.run("compare")
    assert made.states() == {COMPARE: "failed"}
    assert "or remove it" in made.error(COMPARE)
    assert api.calls["live"] < 2 * len(DIFFERENT), "the first refusal is every request's"
