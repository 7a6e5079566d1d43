"""What an import finds in a file besides errors: suspicious texts, and responses that it leaves out."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.domain.text import visible

SuspiciousKind = Literal[
    "placeholder",
    "spreadsheet_error",
    "invisible",
    "escaped_character",
    "html",
    "mojibake",
    "replacement_character",
    "control_character",
    "control_token",
    "media_tag",
    "cut_off",
    "joined_rows",
    "similar_id",
    "rounded_id",
]
LeftOutKind = Literal["empty_response", "missing_rating", "invalid_rating", "outside_scale"]

#: How people name a field whose column has another name in the published data.
FIELD_NAMES = {"speaker_uttr": "utterance"}
#: What each kind means, as the words after a count.
MEANINGS: dict[SuspiciousKind | LeftOutKind, str] = {
    "placeholder": "only a placeholder such as nan, None or NULL",
    "spreadsheet_error": "only a spreadsheet's error such as #NAME? or #REF!",
    "invisible": "only invisible characters",
    "escaped_character": "escaped characters such as _comma_, _x000D_ or \\n",
    "html": "HTML tags or entities such as <br> or &amp;",
    "mojibake": "mojibake: UTF-8 that was read in another encoding, such as â€™",
    "replacement_character": "the replacement character U+FFFD: a character was lost",
    "control_character": "control characters, or characters that reorder text",
    "control_token": "control tokens of chat templates such as <|im_end|>",
    "media_tag": "media tags such as <video>, which training programs replace",
    "cut_off": "exactly 32,767 characters, where Excel cuts a cell off",
    "joined_rows": "text that looks like rows of the file: a quote may be missing or too many",
    "similar_id": "ids that differ from another only by white space, case or invisible characters",
    "rounded_id": "ids that a spreadsheet has rounded",
    "empty_response": "the response is empty",
    "missing_rating": "the rating is missing",
    "invalid_rating": "the rating is not 1, 2 or 3",
    "outside_scale": "the rating is not a number on the scale (data.ratings in config.toml)",
}


def column_words(column: str) -> str:
    """A column in words, with the name of its field where that is another one."""
    field = FIELD_NAMES.get(column)
    return f"column {column}" if field is None else f"{field} (column {column})"


class Finding(msgspec.Struct, frozen=True):
    """How many cells have a property, and the first of them."""

    kind: SuspiciousKind | LeftOutKind
    """What was found."""
    count: int
    """How many cells have it. Of responses that are left out: how many of the source."""
    row: int
    """The first one's row below the header, counted from 1."""
    line: int
    """The line of the file in which that row starts, counted from 1; 0 in formats without lines."""
    column: str
    """The first one's column."""
    text: str
    """The first one's text, or the part of it that shows the property: at most 62 characters."""

    @property
    def meaning(self) -> str:
        """What the kind means, in words."""
        return MEANINGS[self.kind]

    def __str__(self) -> str:
        text = visible(self.text)
        return f"{self.count} × {self.meaning}: {self.place}{f': “{text}”' if text else ''}"

    @property
    def place(self) -> str:
        """Where the first one is, in words."""
        line = f" (line {self.line})" if self.line else ""
        return f"row {self.row}{line}, {column_words(self.column)}"
