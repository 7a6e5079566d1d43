"""Votes on the dialogues of which the judge is uncertain: how they are drawn, and what they weigh."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import active_votes
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.votes import Vote
from core.judging import active_voting, voting
from core.judging.active_voting import Draw
from core.judging.metrics.judge_quality import agreement
from core.judging.metrics.prediction_powered import Predicted, prediction_powered

NAMES = [f"d{i:02}" for i in range(40)]
DIALOGUES = [Dialogue(name, "sad", "negative", "", "", "", "test", {}) for name in NAMES]
A = {name: f"a {name}" for name in NAMES}
B = {name: f"b {name}" for name in NAMES}
#: Of every fourth dialogue the judge is uncertain.
UNCERTAIN = {name: 0.5 if i % 4 == 0 else 0.05 for i, name in enumerate(NAMES)}


def ballot(
    votes: list[Vote], uncertainties: dict[str, float] | None = UNCERTAIN, voter: str = "ana"
) -> list[voting.BallotItem]:
    return list(voting.ballot_items(DIALOGUES, A, B, voter, votes, uncertainties))


def vote_on(item: voting.BallotItem, at: float, voter: str = "ana") -> Vote:
    return voting.record(item, "x", "y", voter, "b", at)


def test_what_a_judge_is_uncertain_of() -> None:
    of = active_voting.uncertainty
    # Probabilities, over both orders: √(p (1 − p)).
    assert of([[("ab", "b", 0.9), ("ba", "b", 0.7)]]) == pytest.approx((0.8 * 0.2) ** 0.5)
    assert of([[("ab", "b", 0.99), ("ba", "a", 0.01)]]) == pytest.approx(0.5)
    # Without probabilities: (wins + ½) / (verdicts + 1).
    assert of([[("ab", "b", None), ("ba", "b", None)]]) == pytest.approx((2.5 / 3 * 0.5 / 3) ** 0.5)
    assert of([[("ab", "b", None), ("ba", "a", None)]]) == 0.5
    assert of([[("ab", "tie", None), ("ba", "tie", None)]]) == 0.5
    assert of([[("ab", "b", None)]]) == pytest.approx(of([[("ab", "a", None)]]))
    # Two judges that part; nobody that judged.
    assert of([[("ab", "b", 0.9)], [("ab", "a", 0.1)]]) == pytest.approx(0.5)
    assert of([]) == of([[]]) == of([[("ab", "invalid", None)]]) == 0.5


def test_uncertain_dialogues_are_likelier_and_none_is_unlikely() -> None:
    sizes = active_voting.sizes(UNCERTAIN)
    assert sum(sizes.values()) / len(sizes) == pytest.approx(1)
    mean = (0.5 + 3 * 0.05) / 4
    assert sizes["d00"] == pytest.approx(0.5 + 0.5 * 0.5 / mean)
    assert min(sizes.values()) > active_voting.UNIFORM_SHARE
    assert set(active_voting.sizes(dict.fromkeys("abc", 0.0)).values()) == {1.0}
    numbers = random.Random(1)
    first: Counter[str] = Counter()
    for _ in range(4000):
        drawn = active_voting.draws(
            {"a": 3.0, "b": 1.0, "c": 1.0}, {name: numbers.random() for name in "abc"}
        )
        first[next(iter(drawn))] += 1
    assert first["a"] / 4000 == pytest.approx(3 / 5, abs=0.03)
    drawn = active_voting.draws({"a": 3.0, "b": 1.0}, {"a": 0.1, "b": 0.9})
    assert drawn == {"a": Draw(0.75, 2), "b": Draw(1.0, 1)}


def test_weighted_means_are_unbiased() -> None:
    """Over all ways to draw three of five dialogues one after the other, each with its probability."""
    sizes = {"a": 3.0, "b": 1.0, "c": 0.5, "d": 2.0, "e": 1.0}
    values = {"a": 1.0, "b": 0.0, "c": 0.5, "d": 1.0, "e": 0.0}
    expected = total = 0.0
    for drawn in permutations(sizes, 3):
        chance, mean, rest = 1.0, 0.0, dict(sizes)
        for name in drawn:
            draw = Draw(rest[name] / sum(rest.values()), len(rest))
            chance *= draw.probability
            mean += active_voting.weight(draw, undrawn=2) * values[name] / 3
            del rest[name]
        expected, total = expected + chance * mean, total + chance
    assert total == pytest.approx(1)
    assert expected == pytest.approx(sum(values.values()) / 5)


@given(st.integers(2, 50), st.integers(0, 49), st.floats(0.01, 1.0))
def test_weights(among: int, undrawn: int, probability: float) -> None:
    assert active_voting.weight(None, undrawn) == 1
    assert active_voting.weight(Draw(1 / among, among), undrawn) == pytest.approx(1)
    found = active_voting.weight(Draw(probability, among), undrawn)
    assert 0 < found <= max(1.0, 1 / (probability * among)) + 1e-9
    # When all are drawn, all weigh the same.
    assert active_voting.weight(Draw(probability, among), 0) == 1


def test_the_ballot_draws_by_uncertainty_the_same_for_all_voters() -> None:
    items = ballot([])
    assert sorted(item.dialog_id for item in items) == NAMES
    early = [item for item in items[:20] if UNCERTAIN[item.dialog_id] == 0.5]
    assert len(early) > 7, "of 10 uncertain ones among 40"
    assert [item.dialog_id for item in ballot([], voter="ben")] == [item.dialog_id for item in items]
    assert {item.order for item in items} == {"ab", "ba"}
    sizes = active_voting.sizes(UNCERTAIN)
    for place, item in enumerate(items):
        rest = sum(sizes[later.dialog_id] for later in items[place:])
        assert item.draw is not None
        assert item.draw.among == 40 - place
        assert item.draw.probability == pytest.approx(sizes[item.dialog_id] / rest)
    # Uniformly, without verdicts, or with equal ones: another order, without probabilities.
    uniform = ballot([], None)
    assert {item.draw for item in uniform} == {None}
    assert ballot([], dict.fromkeys(NAMES, 0.3)) == uniform
    assert [item.dialog_id for item in uniform] != [item.dialog_id for item in items]


def test_drawn_dialogues_come_first_and_keep_their_draw() -> None:
    items = ballot([])
    cast = [vote_on(item, at) for at, item in enumerate(items[:6])]
    assert [(vote.probability, vote.among) for vote in cast] == [
        (item.draw.probability, item.draw.among) for item in items[:6] if item.draw is not None
    ]
    again = ballot(cast)
    assert [item.dialog_id for item in again] == [item.dialog_id for item in items]
    assert [item.draw for item in again] == [item.draw for item in items]
    assert [item.choice for item in again[:7]] == ["b"] * 6 + [None]
    # Another voter is shown these first, also if the judge has changed its mind or pairs are drawn uniformly.
    for uncertainties in (None, dict(zip(NAMES, reversed(UNCERTAIN.values()), strict=True))):
        other = ballot(cast, uncertainties, voter="ben")
        assert [item.dialog_id for item in other[:6]] == [item.dialog_id for item in items[:6]]
        assert [item.draw for item in other[:6]] == [item.draw for item in items[:6]]
        assert (other[6].draw is None) == (uncertainties is None)
    # A vote that is taken back is the next again.
    assert ballot(cast[:-1])[5] == replace(again[5], choice=None)


def test_the_weighted_win_rate_of_the_votes() -> None:
    items = ballot([])
    cast = [
        voting.record(item, "x", "y", "ana", "b" if UNCERTAIN[item.dialog_id] == 0.5 else "a", at)
        for at, item in enumerate(items[:20])
    ]
    found = voting.win_rate("x", "y", cast, A, B)
    weights = voting.weights(cast, "x", "y", A, B)
    assert found is not None
    assert found.weighted
    assert found.wins_b > 7, "drawn more often than the quarter that there is"
    won = sum(weight for name, weight in weights.items() if UNCERTAIN[name] == 0.5)
    assert found.win_rate_b == pytest.approx(won / sum(weights.values()))
    assert found.win_rate_b < found.wins_b / 20
    assert found.ci_low < found.win_rate_b < found.ci_high
    # Uniform votes weigh 1, whatever was recorded before there were draws.
    uniform = [replace(vote, probability=None, among=None) for vote in cast]
    assert set(voting.weights(uniform, "x", "y", A, B).values()) == {1.0}
    plain = voting.win_rate("x", "y", uniform, A, B)
    assert plain is not None
    assert (plain.weighted, plain.win_rate_b) == (False, plain.wins_b / 20)
    # With votes on all dialogues there is nothing to weigh.
    every = [vote_on(item, at) for at, item in enumerate(items)]
    assert set(voting.weights(every, "x", "y", A, B).values()) == {1.0}


def test_weighted_by_hand() -> None:
    """Two kinds of dialogues; one was drawn half as often as the other, and weighs twice as much."""
    often = [Predicted(1.0, 1.0, weight=0.75)] * 8 + [Predicted(0.0, 0.0, weight=0.75)] * 8
    seldom = [Predicted(1.0, 1.0, weight=1.5)] * 4
    rest = [Predicted(1.0, None)] * 30 + [Predicted(0.0, None)] * 10
    found = prediction_powered([*often, *seldom, *rest])
    assert found is not None
    assert found.votes_alone.share == pytest.approx((8 * 0.75 + 4 * 1.5) / (16 * 0.75 + 4 * 1.5))
    # The judge is always right: what it says of all is what people would.
    slope = found.weight / (40 / 60)
    mean, on_all = found.votes_alone.share, (8 + 4 + 30) / 60
    assert slope == pytest.approx(1)
    assert found.rate.share == pytest.approx(mean + slope * (on_all - mean))


def test_agreement_is_weighted() -> None:
    labels = [("d1", "a", "a"), ("d2", "a", "b"), ("d3", "b", "b"), ("d4", "b", "b")]
    found = agreement.agreement("x", "gpt", "voter and judge", labels, [1.0, 3.0, 1.0, 1.0])  # type: ignore[arg-type]
    assert found is not None
    assert (found.pairs, found.raw) == (4, 0.5)


@pytest.mark.parametrize(
    "judge", [active_votes.JUDGES[number] for number in (0, 2, 4)], ids=lambda judge: judge.name
)
def test_coverage(judge: active_votes.UncertainJudge) -> None:
    """With a judge that knows what it does not know, votes by uncertainty are sharper than uniform ones."""
    active, uniform, alone = active_votes.active_coverage(judge, 120)
    assert active.covered >= 0.92
    assert alone.covered >= 0.92
    if judge.knows:
        assert active.width < 0.97 * uniform.width
    else:
        assert active.width < 1.05 * uniform.width
