"""Method 1, direct distillation: the ratings in the data choose targets and pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from core.config.schema import Pairing
from core.domain.dialogues import GOOD, HUMAN, Dialogue

#: Whether a human rating and another source's make a preference pair.
_PAIRINGS: dict[str, Callable[[int, int], bool]] = {
    "strict": lambda human, other: human < GOOD and other == GOOD,
    "reference-code": lambda human, other: human == 2 or (human == 1 and other == GOOD),
}


def sft_dialogues(dialogues: Iterable[Dialogue], source: str) -> Iterator[Dialogue]:
    """Train dialogues whose human response and whose response by `source` are both rated 3."""
    for dialogue in _train(dialogues, source):
        if dialogue.responses[HUMAN].rating == GOOD and dialogue.responses[source].rating == GOOD:
            yield dialogue


def preference_dialogues(dialogues: Iterable[Dialogue], source: str, pairing: Pairing) -> Iterator[Dialogue]:
    """Train dialogues in which the response by `source` is to be preferred to the human one.

    `strict`: the human response is rated 1 or 2, the other 3. `reference-code`: as the published
    code's operators bind, a human response rated 2 is enough, whatever the other's rating.
    Raises `ValueError` for another `pairing`.
    """
    is_wanted = _PAIRINGS.get(pairing)
    if is_wanted is None:
        raise ValueError(f"no pairing {pairing!r}: {', '.join(_PAIRINGS)}")
    for dialogue in _train(dialogues, source):
        if is_wanted(dialogue.responses[HUMAN].rating, dialogue.responses[source].rating):
            yield dialogue


def _train(dialogues: Iterable[Dialogue], source: str) -> Iterator[Dialogue]:
    for dialogue in dialogues:
        if dialogue.split == "train" and source in dialogue.responses and HUMAN in dialogue.responses:
            yield dialogue
