"""Win rates by people in words: what is decided, what is not, and what is not known."""

from __future__ import annotations

from dataclasses import replace

from core.domain.evaluation.human_evaluation import PredictionPoweredWinRate
from tui.format.evaluation import human_votes

FOUND = PredictionPoweredWinRate(
    job="compare-1",
    a="base",
    b="run",
    judge="gpt",
    win_rate_b=0.58,
    ci_low=0.49,
    ci_high=0.66,
    interval="PPI++, Wilson 95 %, effective sample size",
    votes_win_rate_b=0.6,
    votes_low=0.47,
    votes_high=0.71,
    n=250,
    voted=60,
    changed=0,
    identical=4,
    voters=("ann",),
    weight=0.5,
    strata=1,
    more=18,
)


def test_a_sentence_has_all_of_it() -> None:
    assert human_votes.sentence(FOUND) == (
        "Win rate by people: 58.0 % (49.0–66.0), from votes on 60 of 250 dialogues and verdicts on all "
        "(their weight: 0.50); votes alone 60.0 % (47.0–71.0); about 18 more dialogues with votes decide it, "
        "at this win rate."
    )


def test_how_many_more_votes() -> None:
    assert human_votes.more_votes(replace(FOUND, more=0)) == "decided: the interval excludes 50 %"
    # Nobody votes on identical texts.
    assert "votes on all 246 dialogues would not decide it" in human_votes.more_votes(
        replace(FOUND, more=None)
    )
    few = replace(FOUND, voted=9, weight=0.0, more=None)
    assert human_votes.more_votes(few) == "too few votes to estimate how many decide it"
    assert human_votes.basis(few).endswith("votes are too few to use the verdicts")
    assert human_votes.basis(replace(FOUND, weight=0.0)).endswith("the verdicts do not help")
    assert "in 3 groups of emotions" in human_votes.basis(replace(FOUND, strata=3))
    assert "verdicts on the 50 judged before it" in human_votes.basis(replace(FOUND, unjudged=200))
    assert human_votes.basis(replace(FOUND, weighted=True)).startswith("weighted votes on 60 of 250")


def test_votes_on_texts_that_have_changed_are_warned_of() -> None:
    assert human_votes.warning(FOUND) is None
    warning = human_votes.warning(replace(FOUND, changed=12))
    assert warning is not None
    assert warning.startswith("The votes on 12 dialogues no longer count, because a response has changed")


def test_a_few_votes_are_no_rate_without_its_interval() -> None:
    assert human_votes.brief(FOUND) == "58.0 %"
    assert human_votes.brief(replace(FOUND, voted=2)) == "2 votes"
