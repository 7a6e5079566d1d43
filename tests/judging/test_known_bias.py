"""A judge of known bias behind a real API: what the comparison says of it, and of the responders."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from core.domain.dialogues import Dialogue, RatedResponse
from tests import loopback
from tests.loopback import Api
from tests.support.judged_workspace import COMPARE, judge_workspace, shown
from tests.support.synthetic_dialogues import synthetic_dialogues

ROWS = 1000
#: Log-odds: what the better response, the first place, and tanh of the difference in length add.
BETTER, FIRST, LONGER = 1.2, 0.8, 1.5
#: Of a hundred test dialogues b is better in so many.
B_BETTER = 0.6


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def text_of(side: str, dialogue: Dialogue) -> str:
    """b is longer on the whole; the first word says whether it is the better one."""
    is_better = (chance("better", dialogue.dialog_id) < B_BETTER) == (side == "b")
    words = 20 + int(chance("length", side, dialogue.dialog_id) * 30) + (12 if side == "b" else 0)
    return " ".join(["good" if is_better else "poor", side, *["word"] * words])


def planted() -> list[Dialogue]:
    return [
        msgspec.structs.replace(
            dialogue,
            responses=dialogue.responses
            | {
                "human": RatedResponse(text_of("a", dialogue), dialogue.responses["human"].rating),
                "chatgpt": RatedResponse(text_of("b", dialogue), dialogue.responses["chatgpt"].rating),
            },
        )
        for dialogue in synthetic_dialogues(rows=ROWS)
    ]


DIALOGUES = planted()
TEST = [dialogue for dialogue in DIALOGUES if dialogue.split == "test"]


def names_first(first: str, second: str, longer: float = LONGER) -> float:
    """The probability that the judge names the response shown first."""
    odds = FIRST
    odds += BETTER if first.startswith("good") else -BETTER
    odds += longer * math.tanh((len(first.split()) - len(second.split())) / 15)
    return 1 / (1 + math.exp(-odds))


def judge(text: str) -> str:
    first, second = shown(text)
    return "say:1" if chance(text) < names_first(first, second) else "say:2"


def expected(figure: Callable[[float, float], float], longer: float = LONGER) -> float:
    """The mean over test dialogues of what `figure` makes of b's chances, shown second and first."""
    found = []
    for dialogue in TEST:
        a, b = text_of("a", dialogue), text_of("b", dialogue)
        found.append(figure(1 - names_first(a, b, longer), names_first(b, a, longer)))
    return sum(found) / len(found)


def test_a_known_bias_is_recovered(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.judged_workspace.DIALOGUES", DIALOGUES)
    api.faults.content = judge
    made = judge_workspace(tmp_path, api)
    made.run("compare")
    assert made.states() == {COMPARE: "done"}, made.story()
    result = made.result(COMPARE)
    assert (result["n"], result["invalid"]) == (len(TEST), 0)
    assert len(TEST) == 250

    # A win in both orders is a win, a split decision half a one: on average, the mean of both chances.
    win_rate = expected(lambda second, first: (second + first) / 2)
    assert result["ci_low"] < win_rate < result["ci_high"]
    assert result["bootstrap_low"] < win_rate < result["bootstrap_high"]
    assert (result["min_win_rate_b"], result["bounds_low"]) == (None, None)

    # Were the order not shown both ways, b, always second, would do worse than that.
    assert expected(lambda second, first: second) < result["ci_low"]

    prefers_first = expected(lambda second, first: ((1 - second) + first) / 2)
    assert result["placed"] == 2 * len(TEST)
    assert result["prefers_first_low"] < prefers_first < result["prefers_first_high"]
    flips = expected(lambda second, first: second * (1 - first) + (1 - second) * first)
    assert result["flip_rate_low"] < flips < result["flip_rate_high"]

    # b is longer and the judge likes that; without that liking it would win so often.
    fair = expected(lambda second, first: (second + first) / 2, longer=0.0)
    assert result["win_rate_b"] > fair
    assert result["lc_low"] < fair < result["lc_high"]
    assert result["lc_win_rate_b"] < result["win_rate_b"]
    assert result["lc_parted"]
    assert result["prefers_longer_low"] > 0.6
    assert result["lengths"] <= 2 * len(TEST)
    assert result["words_b"] > result["words_a"]

    with made.open() as workspace:
        (rate,) = workspace.evaluation.win_rates()
        (card,) = workspace.evaluation.scorecards()
        detail = workspace.evaluation.comparison(rate.job)
        (model,) = workspace.evaluation.bias_models()
    # The first place and length, each adjusted for the other and for strength.
    position, length, *strengths = model.effects
    for effect in (position, length):
        assert effect.low is not None
        assert effect.low > 0
    assert [effect.responder for effect in strengths] == ["chatgpt", "human"]
    assert rate.p is not None
    assert rate.p_holm == rate.p
    assert (card.judge, card.verdicts, card.invalid) == ("gpt", 500, 0)
    # Of one comparison, a card shows what the comparison shows.
    for name in ("prefers_first", "flip_rate", "prefers_longer"):
        for end in ("", "_low", "_high"):
            assert getattr(card, name + end) == pytest.approx(result[name + end])
    assert (card.placed, card.paired, card.lengths) == (result["placed"], 250, result["lengths"])
    for kind in ("emotion", "sentiment", "length"):
        cells = [cell for cell in detail.cells if cell.kind == kind]
        assert sum(cell.n for cell in cells) == len(TEST)
        assert sum(cell.wins_b for cell in cells) == result["wins_b"]
    small = min(detail.cells, key=lambda cell: cell.n)
    assert small.ci_high is not None
    assert small.ci_low is not None
    assert small.ci_high - small.ci_low > result["ci_high"] - result["ci_low"]


def test_the_papers_single_order_hands_the_place_to_the_baseline(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.judged_workspace.DIALOGUES", DIALOGUES)
    api.faults.content = judge
    made = judge_workspace(tmp_path, api, more="swap = false\n")
    made.run("compare")
    result = made.result(COMPARE)
    second = expected(lambda second, first: second)
    assert result["ci_low"] < second < result["ci_high"]
    assert result["flip_rate"] is None
    assert result["bootstrap_low"] is None


@pytest.mark.parametrize("more", ["repeats = 2\n", "tries = 1\n"])
def test_repeats_and_invalid_verdicts_do_not_hide_the_strength(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    """Every tenth answer is no verdict, whatever the texts."""
    monkeypatch.setattr("tests.support.judged_workspace.DIALOGUES", DIALOGUES)
    asked: list[str] = []

    def answer(text: str) -> str:
        asked.append(text)
        return "say:neither" if len(asked) % 10 == 0 and "tries" in more else judge(f"{text}{len(asked)}")

    api.faults.content = answer
    made = judge_workspace(tmp_path, api, more=more)
    made.run("compare")
    result = made.result(COMPARE)
    win_rate = expected(lambda second, first: (second + first) / 2)
    assert result["ci_low"] < win_rate < result["ci_high"]
    assert result["n"] == len(TEST)
    if "tries" in more:
        assert 20 < result["invalid"] < 80
        assert result["min_win_rate_b"] < win_rate < result["max_win_rate_b"]
        assert result["bounds_low"] < result["min_win_rate_b"]
