"""A judge of known bias behind a real API: what the comparison says of it, and of the responders."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.data.dialogues import Dialogue, RatedResponse
from tests import loopback
from tests.loopback import Api
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.judged_workspace import COMPARE, compare, judge_workspace, shown

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


def names_first(first: str, second: str, longer: float = LONGER, better: float = BETTER) -> float:
    """The probability that the judge names the response shown first."""
    odds = FIRST
    odds += better if first.startswith("good") else -better
    odds += longer * math.tanh((len(first.split()) - len(second.split())) / 15)
    return 1 / (1 + math.exp(-odds))


def judge(text: str) -> str:
    first, second = shown(text)
    return "say:1" if chance(text) < names_first(first, second) else "say:2"


def expected(value: Callable[[float, float], float], longer: float = LONGER, better: float = BETTER) -> float:
    """The mean over test dialogues of what `value` makes of b's chances, shown second and first."""
    found = []
    for dialogue in TEST:
        a, b = text_of("a", dialogue), text_of("b", dialogue)
        found.append(value(1 - names_first(a, b, longer, better), names_first(b, a, longer, better)))
    return sum(found) / len(found)


def test_a_known_bias_is_recovered(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.workspaces.judged_workspace.DIALOGUES", DIALOGUES)
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
    assert result["lc_differs"]
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


def strength(better: float = BETTER, *, swap: bool = True) -> float:
    """b's win rate under a judge that values the better response so much."""
    return expected(lambda second, first: (second + first) / 2 if swap else second, better=better)


def answers(every: int) -> Callable[[str], str]:
    """Answers to prompts, others whenever one is repeated; one in `every` is no verdict, whatever the texts.

    They are the same in whatever order prompts come: one interval in twenty may miss the truth.
    """
    times: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)

    def answer(text: str) -> str:
        time = next(times[text])
        return "say:neither" if every and chance(text, time, "none") < 1 / every else judge(f"{text}{time}")

    return answer


@pytest.mark.parametrize(
    ("design", "every"),
    [
        ({"swap": False}, 0),
        ({"repeats": 2}, 0),
        ({"tries": 1}, 10),
        ({"stop": "decided"}, 0),
        ({"stop": "decided", "swap": False}, 0),
        ({"stop": "decided", "repeats": 2}, 0),
        ({"stop": "decided", "tries": 1}, 10),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_strength_is_recovered_in_every_design(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch, design: dict[str, Any], every: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    api.faults.content = answers(every)
    result = compare(tmp_path, api.url, DIALOGUES, max_concurrency=16, **design)
    win_rate = strength(swap=design.get("swap", True))
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert result.ci_low < win_rate < result.ci_high
    stopping = result.stopping
    assert (stopping is not None) == ("stop" in design)
    if stopping is None:
        assert result.n == len(TEST)
    else:
        assert stopping.dialogues == len(TEST)
        # Each is judged to the end, unless it is decided.
        assert stopping.decided or result.n == len(TEST)
    if "swap" in design:
        # The baseline is always first, so b does worse than it deserves, and nobody can tell.
        assert win_rate < strength()
        assert (result.flip_rate, result.bootstrap_low) == (None, None)
    if every:
        assert 0.1 < result.invalid / result.n < 0.3
        assert result.min_win_rate_b is not None
        assert result.max_win_rate_b is not None
        assert result.min_win_rate_b < win_rate < result.max_win_rate_b
        assert result.bounds_low is not None
        assert result.bounds_low <= result.min_win_rate_b


def test_the_strength_is_recovered_in_each_dimension(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge values the better response not at all, more, or less, by dimension; its bias is the same."""
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    values = {"Cognitive": 0.0, "Affective": 2.5, "Compassionate": 0.6, "Overall": BETTER}

    def named(text: str) -> str:
        first, second = shown(text)
        lines = (
            f"{name}: {1 if chance(text, name) < names_first(first, second, better=better) else 2}"
            for name, better in values.items()
        )
        return "say:" + "\n".join(lines)

    api.faults.content = named
    result = compare(tmp_path, api.url, DIALOGUES, by_dimension=True, max_concurrency=16)
    assert result.invalid == 0
    found = {name: (rate.ci_low, rate.ci_high) for name, rate in result.dimensions.items()}
    assert list(found) == ["cognitive", "affective", "compassionate"]
    for name, (low, high) in (("overall", (result.ci_low, result.ci_high)), *found.items()):
        assert low is not None
        assert high is not None
        assert low < strength(values[name.title()]) < high, name
