"""Human votes: the ballot items of a voter, and the win rate that the votes give."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.comparisons import HumanWinRate
from core.domain.evaluation.verdicts import REVERSED, Order, Winner
from core.domain.evaluation.votes import Choice, Vote
from core.judging import active_voting
from core.judging.active_voting import Draw
from core.judging.metrics import prediction_powered, scores
from core.judging.metrics.inference import intervals
from core.judging.metrics.inference.intervals import ShareInterval
from core.judging.metrics.prediction_powered import Predicted

_REVERSED_CHOICE: dict[Choice, Choice] = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class BallotItem:
    """Two responses to a dialogue as a voter sees them."""

    dialog_id: str
    """The dialogue."""
    situation: str
    """What the speaker went through."""
    utterance: str
    """What the speaker said."""
    left: str
    """The response on the left, without its responder's name."""
    right: str
    """The response on the right."""
    order: Order
    """`ab` when a's response is on the left, `ba` when b's is."""
    choice: Choice | None
    """The voter's vote; None if there is none yet."""
    draw: Draw | None = None
    """How the dialogue was drawn; None if uniformly."""


def ballot_items(
    dialogues: Iterable[Dialogue],
    a: Mapping[str, str],
    b: Mapping[str, str],
    voter: str,
    votes: Iterable[Vote],
    uncertainties: Mapping[str, float] | None = None,
) -> tuple[BallotItem, ...]:
    """The ballot items of `voter` for the responses `a` and `b`, by dialogue, with the votes already cast.

    Dialogues that anyone has voted on come first, so that the votes of several voters overlap; the rest is
    drawn at random, uniformly or by the `uncertainties` of a judge, in the same order for all voters. The
    sides are random for each voter and dialogue. Both are reproducible. Dialogues with identical responses,
    or with a response of only one side, are left out.
    """
    votes = list(votes)
    own = {(vote.dialog_id, vote.digest_a, vote.digest_b): vote for vote in votes if vote.voter == voter}
    first = _first_votes(votes, a, b)
    different = {name for name in a if name in b and a[name] != b[name]}
    shown = [dialogue for dialogue in dialogues if dialogue.dialog_id in different]
    order = _order([dialogue.dialog_id for dialogue in shown], a, b, first, uncertainties)
    found = []
    for dialogue in shown:
        name = dialogue.dialog_id
        texts = _sorted(digest(a[name]), digest(b[name]))
        vote = own.get((name, *texts))
        # Derived from the texts: the voter sees the same sides when a and b are exchanged.
        is_swapped = (_draw(voter, name, *texts) % 2 == 1) == (texts[0] == digest(a[name]))
        left, right = (b[name], a[name]) if is_swapped else (a[name], b[name])
        choice = None if vote is None else _choice_between(vote, digest(a[name]))
        side: Order = "ba" if is_swapped else "ab"
        found.append(
            BallotItem(name, dialogue.situation, dialogue.utterance, left, right, side, choice, order[name])
        )
    places = {name: place for place, name in enumerate(order)}
    return tuple(sorted(found, key=lambda item: places[item.dialog_id]))


def record(item: BallotItem, a: str, b: str, voter: str, choice: Choice, at: float) -> Vote:
    """A vote on a ballot item about the responders `a` and `b`; `at` in Unix seconds."""
    texts = (item.left, item.right) if item.order == "ab" else (item.right, item.left)
    is_swapped = digest(texts[0]) > digest(texts[1])
    names, digests = (a, b), (digest(texts[0]), digest(texts[1]))
    if is_swapped:
        names, digests = (b, a), (digests[1], digests[0])
    return Vote(
        voter=voter,
        dialog_id=item.dialog_id,
        digest_a=digests[0],
        digest_b=digests[1],
        a=names[0],
        b=names[1],
        ordering=REVERSED[item.order] if is_swapped else item.order,
        choice=_REVERSED_CHOICE.get(choice, choice) if is_swapped else choice,
        at=at,
        probability=None if item.draw is None else item.draw.probability,
        among=None if item.draw is None else item.draw.among,
    )


def outcomes(
    votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]
) -> dict[str, dict[str, Winner]]:
    """Dialogue → voter → winner, from the votes on exactly these responses; skipped ones are left out."""
    found: dict[str, dict[str, Winner]] = defaultdict(dict)
    for vote in votes:
        choice = _choice_on(vote, a, b)
        if choice is not None and choice != "skip":
            found[vote.dialog_id][vote.voter] = choice
    return dict(found)


def weights(
    votes: Iterable[Vote], name_a: str, name_b: str, a: Mapping[str, str], b: Mapping[str, str]
) -> dict[str, float]:
    """What each dialogue weighs that was drawn for a vote on these two responders, by how it was drawn."""
    first = _first_votes((vote for vote in votes if {vote.a, vote.b} == {name_a, name_b}), a, b)
    undrawn = sum(name in b and a[name] != b[name] for name in a) - len(first)
    return {name: active_voting.weight(_draw_of(vote), undrawn) for name, vote in first.items()}


def score(by_voter: Mapping[str, Winner]) -> float:
    """The score of a dialogue: the mean of its voters' choices, from 0 (all prefer a) to 1 (all prefer b)."""
    return sum(scores.WORTH[choice] for choice in by_voter.values()) / len(by_voter)


def win_rate(
    name_a: str, name_b: str, votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]
) -> HumanWinRate | None:
    """The human win rate of two responders, from the votes on their responses; None without votes.

    The interval is over dialogues, which weigh as their draws say.
    """
    votes = list(votes)
    found = outcomes(votes, a, b)
    if not found:
        return None
    weighing = weights(votes, name_a, name_b, a, b)
    rate = rate_of([(score(by_voter), weighing.get(name, 1.0)) for name, by_voter in found.items()])
    winners = [winner for by_voter in found.values() for winner in by_voter.values()]
    return HumanWinRate(
        a=name_a,
        b=name_b,
        voters=tuple(sorted({voter for by_voter in found.values() for voter in by_voter})),
        dialogues=len(found),
        votes=len(winners),
        skipped=sum(_choice_on(vote, a, b) == "skip" for vote in votes),
        wins_a=winners.count("a"),
        wins_b=winners.count("b"),
        ties=winners.count("tie"),
        win_rate_b=rate.share,
        ci_low=rate.low,
        ci_high=rate.high,
        interval=rate.method,
        weighted=any(found.get(name) and weight != 1 for name, weight in weighing.items()),
    )


def digest(text: str) -> str:
    """The SHA-256 of a text, which identifies it in a vote."""
    return hashlib.sha256(text.encode()).hexdigest()


def rate_of(found: Sequence[tuple[float, float]]) -> ShareInterval:
    """The mean of (score, weight), with its interval."""
    if all(weight == 1 for _, weight in found):
        return intervals.of_mean([mean for mean, _ in found])
    weighted = prediction_powered.prediction_powered(
        [Predicted(None, mean, weight=weight) for mean, weight in found]
    )
    assert weighted is not None
    return weighted.votes_alone


def _first_votes(votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, Vote]:
    """The first vote on each dialogue of those on exactly these responses, in the order of voting."""
    found: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda vote: vote.at):
        if vote.dialog_id not in found and _choice_on(vote, a, b) is not None:
            found[vote.dialog_id] = vote
    return found


def _draw_of(vote: Vote) -> Draw | None:
    if vote.probability is None or vote.among is None:
        return None
    return Draw(vote.probability, vote.among)


def _order(
    names: Sequence[str],
    a: Mapping[str, str],
    b: Mapping[str, str],
    first: Mapping[str, Vote],
    uncertainties: Mapping[str, float] | None,
) -> dict[str, Draw | None]:
    """The dialogues in the order of the ballot, each with its draw: those that were drawn before, then the
    rest."""
    known = uncertainties or {}
    sizes = active_voting.sizes({name: known.get(name, 0.5) for name in names})
    is_uniform = len(set(sizes.values())) < 2
    # Other uncertainties are another draw: its random numbers do not depend on the dialogues drawn before.
    salt = () if is_uniform else (repr([round(sizes[name], 9) for name in sorted(names)]),)
    random = {
        # 53 bits, so that it is below 1.
        name: (_draw(*salt, name, *_sorted(digest(a[name]), digest(b[name]))) >> 11) / 2**53
        for name in names
    }
    drawn = sorted((name for name in names if name in first), key=lambda name: (first[name].at, random[name]))
    rest = active_voting.draws({name: sizes[name] for name in names if name not in first}, random)
    return {
        **{name: _draw_of(first[name]) for name in drawn},
        **{name: None if is_uniform else draw for name, draw in rest.items()},
    }


def _choice_on(vote: Vote, a: Mapping[str, str], b: Mapping[str, str]) -> Choice | None:
    """The vote's choice; None if it is not about these texts."""
    name = vote.dialog_id
    if name not in a or name not in b or a[name] == b[name]:
        return None
    if {vote.digest_a, vote.digest_b} != {digest(a[name]), digest(b[name])}:
        return None
    return _choice_between(vote, digest(a[name]))


def _choice_between(vote: Vote, digest_a: str) -> Choice:
    """The vote's choice between a, whose text has this digest, and b."""
    if vote.digest_a == digest_a:
        return vote.choice
    return _REVERSED_CHOICE.get(vote.choice, vote.choice)


def _sorted(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _draw(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])
