"""Votes: what a voter is shown, what a vote says of whom, and how it gets into the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.data.dialogues import Dialogue, RatedResponse
from core.domain.errors import UserError
from core.domain.evaluation.votes import Choice, Vote
from core.judging import voting
from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.workspaces.judged_workspace import (
    COMPARE,
    DIFFERENT,
    IDENTICAL,
    TEST,
    judge_workspace,
    longer,
)
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

names = st.sampled_from(["d1", "d2", "d3", "d4", "d5"])
texts = st.dictionaries(names, st.sampled_from(["one", "two", "three", ""]), max_size=5)
choices: st.SearchStrategy[Choice] = st.sampled_from(["a", "b", "tie", "skip"])

DIALOGUES = [Dialogue(f"d{n}", "sad", "negative", "", f"s{n}", f"u{n}", "test", {}) for n in range(1, 6)]
TURNED: dict[Choice, Choice] = {"a": "b", "b": "a", "tie": "tie", "skip": "skip"}


def cast(item: voting.BallotItem, choice: Choice, voter: str = "ana", a: str = "x", b: str = "y") -> Vote:
    return voting.record(item, a, b, voter, choice, 1.0)


@given(texts, texts, st.sampled_from(["ana", "ben"]))
def test_a_voter_sees_every_different_pair_once_and_always_the_same_way(
    a: dict[str, str], b: dict[str, str], voter: str
) -> None:
    shown = voting.ballot_items(DIALOGUES, a, b, voter, [])
    assert sorted(p.dialog_id for p in shown) == sorted(n for n in a.keys() & b.keys() if a[n] != b[n])
    for item in shown:
        sides = (a[item.dialog_id], b[item.dialog_id])
        assert (item.left, item.right) == (sides if item.order == "ab" else sides[::-1])
        assert item.choice is None
    assert voting.ballot_items(DIALOGUES, a, b, voter, []) == shown
    # Whoever is called a, the voter sees the same texts on the same sides, in the same order.
    other = voting.ballot_items(DIALOGUES, b, a, voter, [])
    assert [(p.dialog_id, p.left, p.right) for p in other] == [(p.dialog_id, p.left, p.right) for p in shown]
    assert [p.dialog_id for p in voting.ballot_items(DIALOGUES, a, b, "cleo", [])] == [
        p.dialog_id for p in shown
    ]


@given(texts, texts, choices)
def test_a_vote_is_about_texts_whoever_they_are_of(
    a: dict[str, str], b: dict[str, str], choice: Choice
) -> None:
    said = [cast(item, choice) for item in voting.ballot_items(DIALOGUES, a, b, "ana", [])]
    for vote in said:
        assert vote.digest_a < vote.digest_b
    assert {p.choice for p in voting.ballot_items(DIALOGUES, a, b, "ana", said)} <= {choice}
    assert {p.choice for p in voting.ballot_items(DIALOGUES, b, a, "ana", said)} <= {TURNED[choice]}
    assert {p.choice for p in voting.ballot_items(DIALOGUES, a, b, "ben", said)} <= {None}
    decided = voting.outcomes(said, a, b)
    wanted = {} if choice == "skip" else {vote.dialog_id: {"ana": choice} for vote in said}
    assert decided == wanted
    # Answered anew, a responder has no votes on what it says now.
    again = {name: text + " anew" for name, text in a.items()}
    assert voting.outcomes(said, again, b) == {}


def test_sides_and_dialogues_are_mixed() -> None:
    dialogues = [Dialogue(f"n{n:03}", "sad", "", "", "", "", "test", {}) for n in range(400)]
    a = {d.dialog_id: f"a {d.dialog_id}" for d in dialogues}
    b = {d.dialog_id: f"b {d.dialog_id}" for d in dialogues}
    shown = voting.ballot_items(dialogues, a, b, "ana", [])
    assert 160 < sum(item.order == "ab" for item in shown) < 240
    assert [p.dialog_id for p in shown] != sorted(p.dialog_id for p in shown)
    other = voting.ballot_items(dialogues, a, b, "ben", [])
    assert 160 < sum(one.order == two.order for one, two in zip(shown, other, strict=True)) < 240


def test_a_dialogue_scores_the_mean_of_its_voters() -> None:
    a, b = dict.fromkeys(["d1", "d2", "d3"], "one"), dict.fromkeys(["d1", "d2", "d3"], "two")
    items = {p.dialog_id: p for p in voting.ballot_items(DIALOGUES, a, b, "ana", [])}
    said = [
        cast(items["d1"], "b", "ana"),
        cast(items["d1"], "a", "ben"),
        cast(items["d2"], "b", "ana"),
        cast(items["d2"], "tie", "ben"),
        cast(items["d3"], "skip", "ana"),
    ]
    rate = voting.win_rate("x", "y", said, a, b)
    assert rate is not None
    assert (rate.voters, rate.dialogues, rate.votes, rate.skipped) == (("ana", "ben"), 2, 4, 1)
    assert (rate.wins_a, rate.wins_b, rate.ties) == (1, 2, 1)
    assert rate.win_rate_b == pytest.approx((0.5 + 0.75) / 2)
    assert rate.ci_low <= rate.win_rate_b <= rate.ci_high
    turned = voting.win_rate("y", "x", said, b, a)
    assert turned is not None
    assert turned.win_rate_b == pytest.approx(1 - rate.win_rate_b)
    assert voting.win_rate("x", "y", said[-1:], a, b) is None


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def vote(made: TeacherWorkspace, voter: str, said: dict[str, Choice]) -> None:
    """Let `voter` say this of human (a) and chatgpt (b), by dialogue."""
    with made.open() as workspace:
        items = {
            item.dialog_id: item for item in workspace.evaluation.ballot_items("human", "chatgpt", voter)
        }
    for name, choice in said.items():
        made.ask(intents.CastVote(voting.record(items[name], "human", "chatgpt", voter, choice, 1.0)))


def test_votes_beside_a_judge(tmp_path: Path, api: Api) -> None:
    api.faults.content = longer
    made = judge_workspace(tmp_path, api)
    made.run("compare")
    judged = made.query("SELECT DISTINCT dialog_id, winner FROM verdicts WHERE ordering = 'ab'")
    winners: dict[str, Choice] = dict(judged)
    with made.open() as workspace:
        shown = [item.dialog_id for item in workspace.evaluation.ballot_items("human", "chatgpt", "ana")]
    assert sorted(shown) == sorted(d.dialog_id for d in DIFFERENT)
    assert IDENTICAL.dialog_id not in shown
    half = shown[: len(shown) // 2]
    # One voter agrees with the judge, the other says the opposite, and takes one vote back.
    vote(made, "ana", {name: winners[name] for name in shown})
    vote(made, "ben", {name: TURNED[winners[name]] for name in half})
    with made.open() as workspace:
        items = {
            item.dialog_id: item for item in workspace.evaluation.ballot_items("human", "chatgpt", "ben")
        }
    made.ask(intents.WithdrawVote(voting.record(items[half[0]], "human", "chatgpt", "ben", "skip", 2.0)))
    assert made.finish() == 0
    with made.open() as workspace:
        (rate,) = workspace.evaluation.human_win_rates()
        agreements = {(one.one, one.other): one for one in workspace.evaluation.agreements()}
        left = [p.choice for p in workspace.evaluation.ballot_items("human", "chatgpt", "ben")]
        again = [p.choice for p in workspace.evaluation.ballot_items("chatgpt", "human", "ana")]
    assert (rate.a, rate.b, rate.voters) == ("chatgpt", "human", ("ana", "ben"))
    assert (rate.dialogues, rate.votes) == (len(shown), len(shown) + len(half) - 1)
    assert left.count(None) == len(shown) - len(half) + 1
    assert left[0] is None
    assert again == [TURNED[winners[name]] for name in shown]
    assert agreements["ana", "gpt"].raw == 1.0
    assert agreements["ana", "gpt"].kappa == 1.0
    assert (agreements["ben", "gpt"].raw, agreements["ben", "gpt"].pairs) == (0.0, len(half) - 1)
    assert agreements["ana", "ben"].raw == 0.0
    assert COMPARE in made.states()


def test_the_newest_vote_counts_and_other_texts_have_none(tmp_path: Path, api: Api) -> None:
    made = judge_workspace(tmp_path, api)
    name = DIFFERENT[0].dialog_id
    vote(made, "ana", {name: "a"})
    vote(made, "ana", {name: "b"})
    assert made.finish() == 0
    with made.open() as workspace:
        (rate,) = workspace.evaluation.human_win_rates()
    assert (rate.votes, rate.wins_a, rate.wins_b) == (1, 1, 0), "human is b here"
    changed = [
        d
        if d.dialog_id != name
        else Dialogue(
            d.dialog_id,
            d.emotion,
            d.sentiment,
            d.plutchik,
            d.situation,
            d.utterance,
            d.split,
            d.responses | {"human": RatedResponse("Something else.", d.responses["human"].rating)},
        )
        for d in [*TEST, *made.train]
    ]
    made.import_(changed)
    with made.open() as workspace:
        assert workspace.evaluation.human_win_rates() == ()
        assert {item.choice for item in workspace.evaluation.ballot_items("human", "chatgpt", "ana")} == {
            None
        }


def test_who_cannot_be_voted_on(tmp_path: Path, api: Api) -> None:
    made = judge_workspace(tmp_path, api)
    with made.open() as workspace:
        with pytest.raises(UserError, match="is on both sides"):
            workspace.evaluation.ballot_items("human", "human", "ana")
        with pytest.raises(UserError, match="no responder is named 'nobody'"):
            workspace.evaluation.ballot_items("human", "nobody", "ana")
