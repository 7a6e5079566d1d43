"""Ratings as they stand in a file, on whatever scale."""

from __future__ import annotations

import re

from core.config.schema import RatingScale
from core.dialogues.suspicious_text import without_unseen_ends
from core.domain.data.dialogues import Rating

_RATINGS: dict[str, Rating] = {"1": 1, "2": 2, "3": 3}
#: Spreadsheets write a whole number as 3, 3.0 or 3,0.
_RATING = re.compile(r"([123])(?:[.,]0+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:[.,]\d{1,12})?", re.ASCII)


def read(text: str, scale: RatingScale | None) -> Rating | None:
    """The rating in a cell: 1 bad, 2 okay, 3 good; None if it is none on the scale, by default 1, 2 and 3."""
    text = without_unseen_ends(text)
    if scale is None:
        found = _RATING.fullmatch(text)
        return None if found is None else _RATINGS[found[1]]
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    if not scale.min <= number <= scale.max:
        return None
    if number >= scale.good:
        return 3
    return 1 if number < (scale.min + scale.good) / 2 else 2
