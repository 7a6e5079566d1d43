"""The method `direct`: the human ratings select SFT targets and preference pairs from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from core.config.schema import Pairing
from core.domain.data.dialogues import GOOD, HUMAN, Dialogue

#: Whether the ratings of the human and the LLM response make a preference pair.
_PAIRINGS: dict[str, Callable[[int, int], bool]] = {
    "strict": lambda human, other: human < GOOD and other == GOOD,
    "reference-code": lambda human, other: human == 2 or (human == 1 and other == GOOD),
}


def sft_dialogues(dialogues: Iterable[Dialogue], source: str) -> Iterator[Dialogue]:
    """Train dialogues in which the human response and that of `source` are both rated 3."""
    for dialogue in _train(dialogues, source):
        if dialogue.responses[HUMAN].rating == GOOD and dialogue.responses[source].rating == GOOD:
            yield dialogue


def preference_dialogues(dialogues: Iterable[Dialogue], source: str, pairing: Pairing) -> Iterator[Dialogue]:
    """Train dialogues in which the response of `source` is preferred to the human one.

    `strict`: the human response is rated 1 or 2, the other 3. `reference-code`: as in the
    published code, whose operator precedence accepts every human response rated 2, whatever the other rating.
    Raises `ValueError` for an unknown `pairing`.
    """
    is_pair = rule_of(pairing)
    for dialogue in _train(dialogues, source):
        human, other = dialogue.responses[HUMAN].rating, dialogue.responses[source].rating
        if human is not None and other is not None and is_pair(human, other):
            yield dialogue


def rule_of(pairing: Pairing) -> Callable[[int, int], bool]:
    """Whether the ratings of the human response and another one make a preference pair.

    Raises `ValueError` for an unknown `pairing`.
    """
    is_pair = _PAIRINGS.get(pairing)
    if is_pair is None:
        raise ValueError(f"no pairing {pairing!r}: {', '.join(_PAIRINGS)}")
    return is_pair


def _train(dialogues: Iterable[Dialogue], source: str) -> Iterator[Dialogue]:
    for dialogue in dialogues:
        if dialogue.split == "train" and source in dialogue.responses and HUMAN in dialogue.responses:
            yield dialogue
