"""Human votes: the ballot items of a voter, and the win rate that the votes give."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.comparisons import HumanWinRate
from core.domain.dialogues import Dialogue
from core.domain.verdicts import Order, Winner
from core.domain.votes import Choice, Vote
from core.judging import intervals, scores

_REVERSED_ORDER: dict[Order, Order] = {"ab": "ba", "ba": "ab"}
_REVERSED_CHOICE: dict[Choice, Choice] = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class BallotItem:
    """Two responses to a dialogue as a voter sees them: `left` and `right`, without names.

    `order` is `ab` when a's is on the left. `choice` is the voter's vote, None if there is none yet.
    """

    dialog_id: str
    situation: str
    utterance: str
    left: str
    right: str
    order: Order
    choice: Choice | None


def ballot_items(
    dialogues: Iterable[Dialogue],
    a: Mapping[str, str],
    b: Mapping[str, str],
    voter: str,
    votes: Iterable[Vote],
) -> tuple[BallotItem, ...]:
    """The ballot items of `voter` for the responses `a` and `b`, by dialogue, with the votes already cast.

    The order of the dialogues is random but the same for all voters, so that the votes of several voters
    overlap. The sides are random for each voter and dialogue. Both are reproducible. Dialogues with identical
    responses, or with a response of only one side, are left out.
    """
    own = {(vote.dialog_id, vote.digest_a, vote.digest_b): vote for vote in votes if vote.voter == voter}
    found = []
    for dialogue in dialogues:
        name = dialogue.dialog_id
        if name not in a or name not in b or a[name] == b[name]:
            continue
        texts = _sorted(digest(a[name]), digest(b[name]))
        vote = own.get((name, *texts))
        # Derived from the texts: the voter sees the same sides when a and b are exchanged.
        is_swapped = (_draw(voter, name, *texts) % 2 == 1) == (texts[0] == digest(a[name]))
        left, right = (b[name], a[name]) if is_swapped else (a[name], b[name])
        choice = None if vote is None else _choice_between(vote, digest(a[name]))
        order: Order = "ba" if is_swapped else "ab"
        item = BallotItem(name, dialogue.situation, dialogue.utterance, left, right, order, choice)
        found.append((_draw(name, *texts), item))
    return tuple(item for _, item in sorted(found, key=lambda drawn: drawn[0]))


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
        ordering=_REVERSED_ORDER[item.order] if is_swapped else item.order,
        choice=_REVERSED_CHOICE.get(choice, choice) if is_swapped else choice,
        at=at,
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


def win_rate(
    name_a: str, name_b: str, votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]
) -> HumanWinRate | None:
    """The human win rate of two responders, from the votes on their responses; None without votes.

    The score of a dialogue is the mean over its voters. The interval is over dialogues.
    """
    votes = list(votes)
    found = outcomes(votes, a, b)
    if not found:
        return None
    means = [
        sum(scores.WORTH[winner] for winner in by_voter.values()) / len(by_voter)
        for by_voter in found.values()
    ]
    rate = intervals.of_mean(means)
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
    )


def digest(text: str) -> str:
    """The SHA-256 of a text, which identifies it in a vote."""
    return hashlib.sha256(text.encode()).hexdigest()


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
