"""People as judges: which texts they are shown, in which order and on which side, and what they say."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.comparisons import HumanWinRate
from core.domain.dialogues import Dialogue
from core.domain.verdicts import Order, Winner
from core.domain.votes import Choice, Vote
from core.judging import statistics

_REVERSED_ORDER: dict[Order, Order] = {"ab": "ba", "ba": "ab"}
_REVERSED_CHOICE: dict[Choice, Choice] = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class BallotItem:
    """Two responses to a dialogue as a voter sees them: `left` and `right`, without names.

    `order` is `ab` when a's is on the left. `choice` is what the voter said of them, None when nothing yet.
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
    """What `voter` is to be shown of the texts of `a` and `b`, by dialogue, with what is voted already.

    The dialogues come in a random order that is the same for all voters, so that what several have voted
    on overlaps; which side is which is random for each voter and dialogue. Both are always the same.
    Identical texts, and dialogues that only one of the two answered, are left out.
    """
    said = {(vote.dialog_id, vote.digest_a, vote.digest_b): vote for vote in votes if vote.voter == voter}
    found = []
    for dialogue in dialogues:
        name = dialogue.dialog_id
        if name not in a or name not in b or a[name] == b[name]:
            continue
        texts = _sorted(digest(a[name]), digest(b[name]))
        vote = said.get((name, *texts))
        # Of the texts, not of the names: whoever is called a, the voter sees the same.
        is_turned = (_draw(voter, name, *texts) % 2 == 1) == (texts[0] == digest(a[name]))
        left, right = (b[name], a[name]) if is_turned else (a[name], b[name])
        choice = None if vote is None else _of_sides(vote, digest(a[name]))
        order: Order = "ba" if is_turned else "ab"
        item = BallotItem(name, dialogue.situation, dialogue.utterance, left, right, order, choice)
        found.append((_draw(name, *texts), item))
    return tuple(item for _, item in sorted(found, key=lambda drawn: drawn[0]))


def record(item: BallotItem, a: str, b: str, voter: str, choice: Choice, at: float) -> Vote:
    """A vote on a ballot item about the responders `a` and `b`; `at` in Unix seconds."""
    texts = (item.left, item.right) if item.order == "ab" else (item.right, item.left)
    is_turned = digest(texts[0]) > digest(texts[1])
    names, digests = (a, b), (digest(texts[0]), digest(texts[1]))
    if is_turned:
        names, digests = (b, a), (digests[1], digests[0])
    return Vote(
        voter=voter,
        dialog_id=item.dialog_id,
        digest_a=digests[0],
        digest_b=digests[1],
        a=names[0],
        b=names[1],
        ordering=_REVERSED_ORDER[item.order] if is_turned else item.order,
        choice=_REVERSED_CHOICE.get(choice, choice) if is_turned else choice,
        at=at,
    )


def outcomes(
    votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]
) -> dict[str, dict[str, Winner]]:
    """Dialogue → voter → who won, of those votes that are about these texts of `a` and `b`; not the skipped
    ones."""
    found: dict[str, dict[str, Winner]] = defaultdict(dict)
    for vote in votes:
        choice = _about(vote, a, b)
        if choice is not None and choice != "skip":
            found[vote.dialog_id][vote.voter] = choice
    return dict(found)


def win_rate(
    name_a: str, name_b: str, votes: Iterable[Vote], a: Mapping[str, str], b: Mapping[str, str]
) -> HumanWinRate | None:
    """What people say of the texts of two responders, by dialogue; None where nobody voted on them.

    A dialogue scores the mean over its voters; the interval is Student's over dialogues.
    """
    votes = list(votes)
    found = outcomes(votes, a, b)
    if not found:
        return None
    scores = [sum(map(statistics.score, said.values())) / len(said) for said in found.values()]
    low, high, interval = statistics.mean_interval(scores)
    winners = [winner for said in found.values() for winner in said.values()]
    return HumanWinRate(
        a=name_a,
        b=name_b,
        voters=tuple(sorted({voter for said in found.values() for voter in said})),
        dialogues=len(found),
        votes=len(winners),
        skipped=sum(_about(vote, a, b) == "skip" for vote in votes),
        wins_a=winners.count("a"),
        wins_b=winners.count("b"),
        ties=winners.count("tie"),
        win_rate_b=sum(scores) / len(scores),
        ci_low=low,
        ci_high=high,
        interval=interval,
    )


def digest(text: str) -> str:
    """The name of a text in a vote."""
    return hashlib.sha256(text.encode()).hexdigest()


def _about(vote: Vote, a: Mapping[str, str], b: Mapping[str, str]) -> Choice | None:
    """The vote's choice, if it is about these texts."""
    name = vote.dialog_id
    if name not in a or name not in b or a[name] == b[name]:
        return None
    if {vote.digest_a, vote.digest_b} != {digest(a[name]), digest(b[name])}:
        return None
    return _of_sides(vote, digest(a[name]))


def _of_sides(vote: Vote, digest_a: str) -> Choice:
    """The choice as one between a, whose text has that digest, and b."""
    if vote.digest_a == digest_a:
        return vote.choice
    return _REVERSED_CHOICE.get(vote.choice, vote.choice)


def _sorted(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _draw(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])
