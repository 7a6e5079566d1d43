"""Win rates by people, from votes on some dialogues and verdicts on all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.statistics import judge_statistics
from benchmarks.statistics.judge_statistics import VotedJudge
from core.judging.metrics.inference import intervals
from core.judging.metrics.prediction_powered import Predicted, PredictionPowered, prediction_powered

score = st.sampled_from([0.0, 0.5, 1.0])
some_dialogues = st.lists(
    st.builds(
        Predicted,
        score=score | st.none(),
        vote=score | st.none(),
        emotion=st.sampled_from("xyz"),
        sentiment=st.sampled_from("pn"),
        identical=st.booleans(),
        weight=st.floats(0.2, 2.0),
    ),
    min_size=1,
    max_size=80,
)


def made(found: list[Predicted]) -> PredictionPowered:
    result = prediction_powered(found)
    assert result is not None
    return result


def test_by_hand() -> None:
    """Ten dialogues with votes, ten without: the judge's scores say how those would have been voted on."""
    votes = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0]
    scores = [1, 1, 1, 1, 1, 0, 0, 0, 1, 0]
    with_votes = [Predicted(s, v) for s, v in zip(scores, votes, strict=True)]
    found = made([*with_votes, *[Predicted(0.0, None)] * 6, *[Predicted(1.0, None)] * 4])
    # Σ (v − .6)(s − .6) = 1.4 of Σ (s − .6)² = 2.4; half of that, because half of the dialogues have votes.
    assert found.weight == pytest.approx(1.4 / 2.4 / 2)
    assert found.rate.share == pytest.approx(0.6 + 1.4 / 2.4 / 2 * (0.4 - 0.6))
    assert (found.votes_alone.share, found.strata, found.voted) == (0.6, 1, 10)


def test_with_votes_alone_it_is_the_interval_of_their_mean() -> None:
    votes = [1.0, 0.5, 0.0, 1.0, 1.0, 0.5, 1.0]
    found = made([*(Predicted(0.0, vote) for vote in votes), *[Predicted(None, None)] * 20])
    assert found.rate == found.votes_alone
    known = intervals.of_mean(votes)
    assert found.votes_alone.method == known.method
    for end in ("share", "low", "high"):
        assert getattr(found.votes_alone, end) == pytest.approx(getattr(known, end))
    assert prediction_powered([Predicted(1.0, None)] * 9) is None


@settings(max_examples=60, deadline=None)
@given(some_dialogues)
def test_it_is_never_wider_than_the_votes_alone(dialogues: list[Predicted]) -> None:
    found = prediction_powered(dialogues)
    has_votes = any(one.vote is not None and not one.identical for one in dialogues)
    assert (found is not None) == has_votes
    if found is None:
        return
    assert 0 <= found.rate.low <= found.rate.share <= found.rate.high <= 1
    width = found.rate.high - found.rate.low
    assert width <= found.votes_alone.high - found.votes_alone.low
    assert 0 <= found.weight <= 1
    turned = made(
        [
            one._replace(
                score=None if one.score is None else 1 - one.score,
                vote=None if one.vote is None else 1 - one.vote,
            )
            for one in dialogues
        ]
    )
    assert turned.rate.share == pytest.approx(1 - found.rate.share)
    assert turned.rate.low == pytest.approx(1 - found.rate.high)


@pytest.mark.parametrize("judge", judge_statistics.VOTED_JUDGES[:4], ids=lambda judge: judge.name)
def test_sixty_votes_of_250_and_a_biased_judge(judge: VotedJudge) -> None:
    """Width .13 to .18 where votes alone have .21, and covered where the judge alone is not."""
    powered, votes, _ = judge_statistics.prediction_powered_coverage(judge, 150)
    assert powered.covered >= 0.92
    assert votes.width == pytest.approx(0.21, abs=0.005)
    if judge.copies:
        assert 0.13 <= powered.width <= 0.181
    else:
        assert powered.width == pytest.approx(votes.width, abs=0.001)


def test_what_a_judge_alone_never_covers() -> None:
    _, _, verdicts = judge_statistics.prediction_powered_coverage(VotedJudge("", 0.0, 0.95), 60)
    assert verdicts.covered == 0


@pytest.mark.parametrize(
    "judge", [one for one in judge_statistics.VOTED_JUDGES if one.stops], ids=lambda judge: judge.name
)
def test_a_judge_that_stopped(judge: VotedJudge) -> None:
    """It judged only some dialogues, and those until they said most: no bias for the estimate."""
    powered, votes, _ = judge_statistics.prediction_powered_coverage(judge, 150)
    assert powered.covered >= 0.92
    assert powered.width <= votes.width


def test_emotions_with_enough_votes_are_strata() -> None:
    """People prefer b where they are sad, a where they are glad; the judge knows neither."""
    draw = random.Random(3)

    def dialogue(i: int) -> Predicted:
        emotion = "sad" if i % 2 else "glad"
        vote = float(draw.random() < (0.95 if emotion == "sad" else 0.05))
        return Predicted(float(draw.random() < 0.5), vote if i < 60 else None, emotion)

    found = made([dialogue(i) for i in range(400)])
    assert found.strata == 2
    assert found.rate.high - found.rate.low < 0.75 * (found.votes_alone.high - found.votes_alone.low)
    # Strata are chosen by the number of votes: with too few in one they are put together by sentiment.
    few = made([dialogue(i)._replace(emotion=f"{i % 20}") for i in range(400)])
    assert few.strata == 1


def test_identical_texts_are_ties_and_invalid_ones_are_predicted_by_the_mean() -> None:
    votes = [Predicted(1.0, 1.0)] * 12 + [Predicted(0.0, 0.0)] * 4
    same = [Predicted(0.5, None, identical=True)] * 16
    found = made([*votes, *same])
    assert found.votes_alone.share == pytest.approx(0.5 * 0.75 + 0.5 * 0.5)
    # An invalid dialogue says nothing: it moves nothing.
    rest = [Predicted(1.0, None)] * 30 + [Predicted(0.0, None)] * 10
    assert made([*votes, *rest, *[Predicted(None, None)] * 8]).rate.share == pytest.approx(0.75)


def test_how_many_more_votes_decide_it() -> None:
    def of(wins: int, losses: int, dialogues: int = 250) -> PredictionPowered:
        votes = [Predicted(0.5, 1.0)] * wins + [Predicted(0.5, 0.0)] * losses
        return made([*votes, *[Predicted(0.5, None)] * (dialogues - wins - losses)])

    assert of(40, 10).more == 0
    more = of(18, 12).more
    assert more is not None
    # 60 % of n votes exclude 50 % from about (1.96 / 0.2)² = 96 on.
    assert 60 < more < 75
    assert of(15, 15).more is None
    assert of(18, 12, dialogues=60).more is None, "votes on all would not do"
    assert of(5, 0).more is None, "too few to tell"
