"""People's ratings of responses as glyphs, words and colours."""

from __future__ import annotations

from dataclasses import dataclass

from tui.format.values import UNKNOWN


@dataclass(frozen=True)
class RatingLook:
    """A rating's glyph and word, the character of its bar, and the theme variable of its colour."""

    glyph: str
    word: str
    bar: str
    colour: str


RATINGS: dict[int, RatingLook] = {
    1: RatingLook("○", "bad", "░", "text-error"),
    2: RatingLook("◐", "okay", "▒", "text-warning"),
    3: RatingLook("●", "good", "█", "text-success"),
}


def short(rating: int | None) -> str:
    """A rating in two cells, as `●3`."""
    return UNKNOWN if rating is None else f"{RATINGS[rating].glyph}{rating}"


def words(rating: int) -> str:
    """A rating in full, as `● 3 good`."""
    look = RATINGS[rating]
    return f"{look.glyph} {rating} {look.word}"
