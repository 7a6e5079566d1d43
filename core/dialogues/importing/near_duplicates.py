"""Train dialogues that are nearly the same as a test dialogue: a student that has learned them is tested on
what it knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from core.dialogues.importing.spool import temporary_database
from core.dialogues.sources.reader_protocol import ProgressCallback
from core.domain.data.dialogues import Dialogue

#: Two texts are near-duplicates from this share of common word bigrams (Jaccard similarity) on.
THRESHOLD = 0.6
#: A MinHash has 14 bands of 4 hash functions: of two texts that are as similar as the threshold, some band is
#: the same with 86 %, at a similarity of 0.7 with 98 %.
_BANDS, _ROWS = 14, 4
_TABLES = """
CREATE TABLE bands (
    band INTEGER, key BLOB, position INTEGER, PRIMARY KEY (band, key, position)
) WITHOUT ROWID;
BEGIN;
"""
#: Up to this number of pairs of dialogues all are compared; else MinHash finds those that may be alike.
_COMPARED_AT_ONCE = 20_000
#: Test dialogues that are compared with a train dialogue: in data made from templates all may be alike.
_COMPARED = 20
#: Pairs that are named.
_NAMED = 5
#: Dialogues between two reports of progress.
_REPORTED = 100
#: CROSS JOIN keeps SQLite from scanning the bands; the order of what it finds is that of the bands.
_NEAR = (
    f"WITH wanted (band, key) AS (VALUES {', '.join(['(?, ?)'] * _BANDS)})"
    f" SELECT position FROM wanted CROSS JOIN bands USING (band, key) LIMIT {_COMPARED}"
)
_WORD = re.compile(r"\w+")

_Pairs = frozenset[tuple[str, ...]]
_Lookup = Callable[[_Pairs], Iterable[tuple[str, _Pairs]]]


@dataclass(frozen=True)
class NearDuplicate:
    """A train dialogue that is nearly the same as a test dialogue."""

    train: str
    """Its id."""
    test: str
    """The id of the first test dialogue that is like it."""
    similarity: float
    """How similar they are, from 0 to 1."""


@dataclass(frozen=True)
class NearDuplicates:
    """Train dialogues that are nearly the same as a test dialogue."""

    count: int
    """How many there are."""
    first: tuple[NearDuplicate, ...]
    """The first of them."""
    positions: tuple[int, ...]
    """The positions of all of them among the dialogues, from 0."""
    are_left_out: bool = False
    """Whether the import leaves them out."""


def find(dialogues: Sequence[Dialogue], progress: ProgressCallback | None = None) -> NearDuplicates:
    """Compare the situations, or the utterances where there is no situation, of train and test dialogues.

    `progress` is called with the dialogues so far and all of them.
    """
    first: list[NearDuplicate] = []
    positions: list[int] = []
    with _index(dialogues) as near:
        for position, dialogue in enumerate(dialogues):
            if progress is not None and position % _REPORTED == 0:
                progress(position, len(dialogues))
            if dialogue.split != "train" or not (pairs := _pairs(dialogue)):
                continue
            for test, other in near(pairs):
                similarity = len(pairs & other) / len(pairs | other)
                if similarity >= THRESHOLD:
                    positions.append(position)
                    if len(first) < _NAMED:
                        first.append(NearDuplicate(dialogue.dialog_id, test, similarity))
                    break
    return NearDuplicates(len(positions), tuple(first), tuple(positions))


@contextmanager
def _index(dialogues: Sequence[Dialogue]) -> Iterator[_Lookup]:
    """What returns the test dialogues that may be like a text: all of them, or those that MinHash finds."""
    test = sum(dialogue.split == "test" for dialogue in dialogues)
    if test * (len(dialogues) - test) <= _COMPARED_AT_ONCE:
        all_tests = [(one.dialog_id, _pairs(one)) for one in dialogues if one.split == "test"]
        yield lambda pairs: all_tests
        return
    # On disk: there may be many.
    with temporary_database(_TABLES) as found:
        band_keys = _band_keys()
        for position, dialogue in enumerate(dialogues):
            if dialogue.split == "test" and (pairs := _pairs(dialogue)):
                rows = [(band, key, position) for band, key in enumerate(band_keys(pairs))]
                found.executemany("INSERT INTO bands VALUES (?, ?, ?)", rows)

        def near(pairs: _Pairs) -> Iterator[tuple[str, _Pairs]]:
            keys = [part for band in enumerate(band_keys(pairs)) for part in band]
            for (position,) in found.execute(_NEAR, keys):
                other = dialogues[position]
                yield other.dialog_id, _pairs(other)

        yield near


def _band_keys() -> Callable[[_Pairs], list[bytes]]:
    """What returns the parts of a text's MinHash; near-duplicates have at least one in common."""
    # Loading it takes long, and small data sets do not need it.
    from datasketch import MinHash

    blank = MinHash(_BANDS * _ROWS)

    def keys(pairs: _Pairs) -> list[bytes]:
        hashed = MinHash(blank.num_perm, blank.seed, permutations=blank.permutations)
        hashed.update_batch([" ".join(pair).encode(errors="surrogatepass") for pair in pairs])
        content = hashed.hashvalues.astype("<u4").tobytes()
        return [content[start : start + 4 * _ROWS] for start in range(0, len(content), 4 * _ROWS)]

    return keys


def _pairs(dialogue: Dialogue) -> _Pairs:
    """The word bigrams; of a text of one word that word."""
    words = _WORD.findall((dialogue.situation or dialogue.utterance).casefold())
    return frozenset(pairwise(words)) or frozenset((word,) for word in words)
