"""Texts in another language than the data, as far as scripts and words show it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

#: Letters of a script that the data does not have, from which a text is in another language.
_LETTERS = 2
#: A script is one of the data if it has this share of all letters.
_SCRIPT_SHARE = 0.01
#: The number of words that show the language of a text.
_MIN_WORDS = 8
#: The share of a text's words that other texts of the data have, below which words say nothing: there are
#: too few texts, or no spaces between words.
_MIN_KNOWN = 0.5
#: A text has another language if the data has less of its words than this part of that share.
_PART = 1 / 3


@dataclass(frozen=True)
class Language:
    """The language, or the languages, of some texts."""

    scripts: frozenset[str]
    """The scripts of their letters."""
    words: frozenset[str]
    """Their words; empty if these say nothing."""
    known: float
    """The share of a text's words that other texts have, on average."""

    def is_other(self, text: str) -> bool:
        """Whether a text is, or has a part, in another language."""
        others = sum(count for script, count in _scripts([text]).items() if script not in self.scripts)
        if self.scripts and others >= _LETTERS:
            return True
        found = words(text)
        return (
            bool(self.words) and len(found) >= _MIN_WORDS and _known(found, self.words) < self.known * _PART
        )


def of(texts: Sequence[str]) -> Language:
    """The language of most of these texts."""
    letters = _scripts(texts)
    in_words = [found for text in texts if (found := words(text))]
    half = {word for found in in_words[::2] for word in found}
    known = fmean(_known(found, half) for found in in_words[1::2]) if len(in_words) > 1 else 0.0
    return Language(
        scripts=frozenset(s for s, count in letters.items() if count >= _SCRIPT_SHARE * letters.total()),
        words=frozenset(word for found in in_words for word in found) if known >= _MIN_KNOWN else frozenset(),
        known=known,
    )


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return re.findall(r"\w+", text.casefold())


def _known(found: Sequence[str], vocabulary: Collection[str]) -> float:
    return sum(word in vocabulary for word in found) / len(found)


def _scripts(texts: Iterable[str]) -> Counter[str]:
    """How many letters of each script some texts have."""
    letters: Counter[str] = Counter()
    for text in texts:
        # Letters in bold or in a circle are letters as others.
        letters.update(unicodedata.normalize("NFKC", text))
    found: Counter[str] = Counter()
    for letter, count in letters.items():
        if letter.isalpha() and (script := _script(letter)) != "MODIFIER":
            found[script] += count
    return found


@cache
def _script(letter: str) -> str:
    """The first word of its name, such as LATIN, CYRILLIC or CJK."""
    return unicodedata.name(letter, "").partition(" ")[0]
