"""Votes on the responders of a comparison, beside the verdicts of its judge."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.stopping import Stopping
from core.domain.evaluation.verdicts import Order
from core.domain.evaluation.votes import Choice, Vote
from core.domain.evaluation.win_rates import WinRate
from core.judging import voting
from core.services.evaluation import human_votes

RATE = WinRate(
    a="base",
    b="run",
    judge="gpt",
    n=40,
    wins_a=10,
    wins_b=30,
    ties=0,
    invalid=0,
    win_rate_b=0.75,
    ci_low=0.6,
    ci_high=0.86,
    interval=None,
    label=None,
    job="compare-1",
    state="done",
)
NAMES = [f"d{i}" for i in range(40)]
TEXTS = {"base": {name: f"base {name}" for name in NAMES}, "run": {name: f"run {name}" for name in NAMES}}
SCORES = {"compare-1": {name: 1.0 if i % 4 else 0.0 for i, name in enumerate(NAMES)}}
DIALOGUES = {name: Dialogue(name, "sad", "negative", "", "", "", "test", {}) for name in NAMES}


def vote(name: str, choice: Choice, voter: str = "ann", b: str = "run", text_b: str | None = None) -> Vote:
    order: Order = "ab"
    item = voting.BallotItem(
        name, "", "", TEXTS["base"][name], text_b or TEXTS["run"][name], order, choice=None
    )
    return voting.record(item, "base", b, voter, choice, 1.0)


def test_votes_count_for_the_responders_on_which_they_were_cast() -> None:
    votes = [vote(name, "b") for name in NAMES[:12]]
    # On another responder that gave the same text: no random sample of the dialogues.
    votes += [vote(name, "a", b="other") for name in NAMES[12:20]]
    (found,) = human_votes.prediction_powered([RATE], SCORES, votes, TEXTS, DIALOGUES)
    assert (found.voted, found.n, found.changed, found.voters) == (12, 40, 0, ("ann",))
    assert found.votes_win_rate_b == 1
    assert human_votes.prediction_powered([RATE], SCORES, votes[12:], TEXTS, DIALOGUES) == ()
    assert human_votes.prediction_powered([replace(RATE, job="waits")], SCORES, votes, TEXTS, DIALOGUES) == ()


def test_where_judging_stopped_the_unjudged_dialogues_count_as_well() -> None:
    stopped = replace(
        RATE, n=20, stopping=Stopping(decided=True, dialogues=40, requests=40, all_requests=80, seed=42)
    )
    judged = {"compare-1": dict(list(SCORES["compare-1"].items())[:20])}
    votes = [vote(name, "b" if i % 3 else "a") for i, name in enumerate(NAMES) if i % 2]
    (found,) = human_votes.prediction_powered([stopped], judged, votes, TEXTS, DIALOGUES)
    assert (found.n, found.voted, found.unjudged, found.weighted) == (40, 20, 20, False)
    # 20 votes, of which 10 are on dialogues without a verdict: 13 or 14 for b.
    assert found.votes_win_rate_b == pytest.approx(sum(i % 3 > 0 for i in range(1, 40, 2)) / 20)
    # Without stopping, votes on dialogues that are not part of the comparison are left out.
    (other,) = human_votes.prediction_powered([replace(RATE, n=20)], judged, votes, TEXTS, DIALOGUES)
    assert (other.n, other.voted) == (20, 10)


def test_votes_that_were_drawn_by_uncertainty_are_weighted() -> None:
    uncertain = {name: 0.5 if i % 4 else 0.1 for i, name in enumerate(NAMES)}
    items = voting.ballot_items(list(DIALOGUES.values()), TEXTS["base"], TEXTS["run"], "ann", [], uncertain)
    votes = [
        voting.record(item, "base", "run", "ann", "b" if uncertain[item.dialog_id] == 0.5 else "a", at)
        for at, item in enumerate(items[:20])
    ]
    (found,) = human_votes.prediction_powered([RATE], SCORES, votes, TEXTS, DIALOGUES)
    weights = voting.weights(votes, "base", "run", TEXTS["base"], TEXTS["run"])
    won = sum(weight for name, weight in weights.items() if uncertain[name] == 0.5)
    assert found.weighted
    assert found.votes_win_rate_b == pytest.approx(won / sum(weights.values()))
    assert found.votes_win_rate_b < sum(uncertain[item.dialog_id] == 0.5 for item in items[:20]) / 20


def test_the_other_way_round_it_is_mirrored() -> None:
    votes = [vote(name, "b" if i % 3 else "a") for i, name in enumerate(NAMES[:15])]
    (found,) = human_votes.prediction_powered([RATE], SCORES, votes, TEXTS, DIALOGUES)
    scores = {"compare-1": {name: 1 - score for name, score in SCORES["compare-1"].items()}}
    turned = replace(RATE, a="run", b="base")
    (other,) = human_votes.prediction_powered([turned], scores, votes, TEXTS, DIALOGUES)
    assert other.win_rate_b == pytest.approx(1 - found.win_rate_b)
    assert other.ci_low == pytest.approx(1 - found.ci_high)


def test_votes_on_texts_that_have_changed_are_counted() -> None:
    votes = [vote(name, "b") for name in NAMES[:5]]
    votes += [vote(name, "a", text_b="as it was") for name in NAMES[5:8]]
    votes += [vote(NAMES[8], "skip")]
    (found,) = human_votes.prediction_powered([RATE], SCORES, votes, TEXTS, DIALOGUES)
    assert (found.voted, found.changed) == (5, 3)


def test_whether_a_judge_does_as_well_as_a_person() -> None:
    votes = [vote(name, "b" if i % 4 else "a", voter) for i, name in enumerate(NAMES) for voter in "xyz"]
    (found,) = human_votes.annotator_tests([RATE], SCORES, votes, TEXTS)
    assert (found.passed, found.winning_rate, found.missing) == (True, 1.0, None)
    assert [one.pairs for one in found.voters] == [40, 40, 40]
    (few,) = human_votes.annotator_tests([RATE], SCORES, [one for one in votes if one.voter != "z"], TEXTS)
    assert (few.passed, few.winning_rate, few.voters) == (None, None, ())
    assert few.missing is not None
    assert few.missing.endswith("there are: x 40, y 40")
    assert human_votes.annotator_tests([RATE], SCORES, [], TEXTS) == ()
