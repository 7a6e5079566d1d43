"""Train dialogues that are nearly the same as a test dialogue: a student that has learned them is tested on
what it knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.domain.dialogues import Dialogue

#: Two texts are near-duplicates from this share of common pairs of words (Jaccard similarity) on.
THRESHOLD = 0.6
#: Hash functions of a MinHash: with 64 the similarity is estimated to within about 0.06.
_PERMUTATIONS = 64
#: Up to this number of pairs of dialogues all are compared; else MinHash finds those that may be alike.
_COMPARED_AT_ONCE = 20_000
#: Test dialogues that are compared with a train dialogue: in data made from templates all may be alike.
_COMPARED = 50
#: Pairs that are named.
_NAMED = 5
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class NearDuplicate:
    """A train dialogue, the test dialogue that is most like it, and their similarity from 0 to 1."""

    train: str
    test: str
    similarity: float


@dataclass(frozen=True)
class NearDuplicates:
    """How many train dialogues are nearly the same as a test dialogue, and the first of them.

    `positions` are those of all of them. `are_left_out` is whether the import leaves them out.
    """

    count: int
    first: tuple[NearDuplicate, ...]
    positions: tuple[int, ...]
    are_left_out: bool = False


def find(dialogues: Sequence[Dialogue]) -> NearDuplicates:
    """Compare the situations, or the utterances where there is no situation, of train and test dialogues."""
    tests: dict[frozenset[bytes], int] = {}
    for position, dialogue in enumerate(dialogues):
        if dialogue.split == "test" and (pairs := _pairs(dialogue)):
            tests.setdefault(pairs, position)
    near = _candidates(list(tests), len(dialogues) - len(tests))
    first: list[NearDuplicate] = []
    positions: list[int] = []
    for position, dialogue in enumerate(dialogues):
        if dialogue.split != "train" or not (pairs := _pairs(dialogue)):
            continue
        best, of = 0.0, pairs
        for other in near(pairs):
            if (similarity := len(pairs & other) / len(pairs | other)) > best:
                best, of = similarity, other
        if best >= THRESHOLD:
            positions.append(position)
            if len(first) < _NAMED:
                first.append(NearDuplicate(dialogue.dialog_id, dialogues[tests[of]].dialog_id, best))
    return NearDuplicates(len(positions), tuple(first), tuple(positions))


def _candidates(
    tests: Sequence[frozenset[bytes]], train: int
) -> Callable[[frozenset[bytes]], Iterable[frozenset[bytes]]]:
    """What returns the texts of test dialogues that may be like a text."""
    if len(tests) * train <= _COMPARED_AT_ONCE:
        return lambda pairs: tests
    # Loading it takes long, and small data sets do not need it.
    from datasketch import MinHash, MinHashLSH

    blank = MinHash(_PERMUTATIONS)

    def hashed(pairs: frozenset[bytes]) -> MinHash:
        found = MinHash(_PERMUTATIONS, blank.seed, permutations=blank.permutations)
        found.update_batch(pairs)
        return found

    index = MinHashLSH(THRESHOLD, _PERMUTATIONS)
    for number, pairs in enumerate(tests):
        index.insert(number, hashed(pairs))
    return lambda pairs: [tests[at] for at in sorted(index.query(hashed(pairs)))[:_COMPARED]]


def _pairs(dialogue: Dialogue) -> frozenset[bytes]:
    """The pairs of words that follow each other; of a text of one word that word."""
    words = _WORD.findall((dialogue.situation or dialogue.utterance).casefold())
    found = {" ".join(pair) for pair in pairwise(words)} or set(words)
    return frozenset(pair.encode(errors="surrogatepass") for pair in found)
