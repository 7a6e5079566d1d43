"""The imported data: dialogues and their rated responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from core.domain.data.findings import Finding

Split = Literal["train", "test"]
#: What people gave a response: 1 bad, 2 okay, 3 good.
Rating = Literal[1, 2, 3]

#: The source whose responses people wrote.
HUMAN = "human"
#: The rating of a good response.
GOOD: Rating = 3
#: The ratings of two responses to a dialogue; None without one.
RatingPair = tuple[Rating | None, Rating | None]
#: Words that the prompts allow a response.
MAX_WORDS = 97
#: Characters that so many words have at most; a word of megabytes is no response.
MAX_CHARACTERS = 2000


def is_too_long(text: str) -> bool:
    """Whether a response is longer than the prompts allow."""
    return len(text) > MAX_CHARACTERS or len(text.split()) > MAX_WORDS


class RatedResponse(msgspec.Struct, frozen=True, gc=False):
    """A response in the data and what people thought of it."""

    text: str
    """The response, as it stands in the file."""
    rating: Rating | None
    """1 bad, 2 okay, 3 good; None in data without ratings."""


class Dialogue(msgspec.Struct, frozen=True):
    """One row of the data."""

    dialog_id: str
    """The row's id in the file; unique. The row's number where the file has no ids."""
    emotion: str
    """The speaker's emotion, as the file names it; empty where the file has none."""
    sentiment: str
    """The speaker's sentiment; empty where the file has none."""
    plutchik: str
    """The emotion on Plutchik's wheel; empty where the file has none."""
    situation: str
    """What the speaker is in, in a sentence or two; in a conversation, its earlier turns follow."""
    utterance: str
    """What the speaker says, which a response answers."""
    split: Split
    """Which examples are made from it: `train` for training, `test` for comparisons."""
    responses: dict[str, RatedResponse]
    """By source, `human` first, then the language models in the file's order."""


@dataclass(frozen=True)
class RatingCounts:
    """How many dialogues got which ratings: from it follows how many examples a recipe yields."""

    human: Mapping[Rating | None, int]
    """Rating of the human response → dialogues."""
    pairs: Mapping[str, Mapping[RatingPair, int]]
    """Each other source → (rating of the human response, rating of its own) → dialogues."""


class ImportedData(msgspec.Struct, frozen=True):
    """Which data a workspace holds."""

    data: str
    """SHA-256 over all dialogues."""
    train: str
    """SHA-256 over the dialogues of the train split."""
    test: str
    """SHA-256 over the dialogues of the test split."""
    sources: tuple[str, ...]
    """The language models that have responses in the data, in the file's order, without `human`."""
    file: str
    """The imported file's name, without its folder; or that of one or several data sets."""
    file_sha256: str
    """SHA-256 of the imported file; of a data set on the Hub, of its name and commit."""
    suspicious: tuple[Finding, ...] | None = None
    """Texts that a person probably did not write, by kind; None if the import did not look for them."""
    left_out: tuple[Finding, ...] | None = None
    """Responses without a text or a valid rating, by kind and source, which were not imported; None if the
    import refused them."""
    rated: bool = True
    """Whether its responses have ratings: without them some recipes and judges are not available."""
