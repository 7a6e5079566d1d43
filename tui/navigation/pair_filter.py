"""Filters pairs by verdict, disagreement, emotion, and words in the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.api import Pair, Verdict

PairOutcome = Literal["a", "b", "tie", "invalid", "none"]
Disagreement = Literal["judges", "orders", "any"]

OUTCOMES: dict[PairOutcome, str] = {
    "a": "A wins",
    "b": "B wins",
    "tie": "tie",
    "invalid": "invalid",
    "none": "no verdict",
}
DISAGREEMENTS: dict[Disagreement, str] = {
    "judges": "judges disagree",
    "orders": "orders disagree",
    "any": "judges or orders disagree",
}


@dataclass(frozen=True)
class PairFilter:
    """The conditions on a pair; None and an empty text match every pair.

    `judge` is the judge of `outcome`, any judge for None. `words_b` is the range of the number of words
    in b's response.
    """

    outcome: PairOutcome | None = None
    disagreement: Disagreement | None = None
    judge: str | None = None
    emotion: str | None = None
    text: str = ""
    sentiment: str | None = None
    words_b: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def words(self) -> str:
        """The filter as a text on the screen."""
        parts = [
            OUTCOMES[self.outcome] if self.outcome else "",
            DISAGREEMENTS[self.disagreement] if self.disagreement else "",
            f"by {self.judge}" if self.judge else "",
            f"emotion {self.emotion}" if self.emotion else "",
            f"with “{self.text}”" if self.text else "",
            f"sentiment {self.sentiment}" if self.sentiment else "",
            f"B has {self.words_b[0]} to {self.words_b[1]} words" if self.words_b else "",
        ]
        return ", ".join(part for part in parts if part)


def chosen(pairs: Iterable[Pair], wanted: PairFilter) -> list[Pair]:
    """The pairs that match the filter, in their order."""
    return [pair for pair in pairs if _is(pair, wanted)]


def outcomes(pair: Pair) -> dict[str, PairOutcome]:
    """Each judge's outcome of a pair."""
    from core.api import outcome

    by_judge: dict[str, list[Verdict]] = {}
    for verdict in pair.verdicts:
        by_judge.setdefault(verdict.judge, []).append(verdict)
    return {
        judge: outcome([(verdict.order, verdict.winner) for verdict in found])
        for judge, found in by_judge.items()
    }


def judges_disagree(pair: Pair) -> bool:
    """Whether two judges have different outcomes; a judge without a valid outcome does not count."""
    return len({found for found in outcomes(pair).values() if found != "invalid"}) > 1


def orders_disagree(pair: Pair, judge: str | None = None) -> bool:
    """Whether a judge (any for None) names different winners in its verdicts on the pair."""
    by_judge: dict[str, set[str]] = {}
    for verdict in pair.verdicts:
        if verdict.winner != "invalid" and judge in (None, verdict.judge):
            by_judge.setdefault(verdict.judge, set()).add(verdict.winner)
    return any(len(winners) > 1 for winners in by_judge.values())


def disagree(pair: Pair) -> bool:
    return judges_disagree(pair) or orders_disagree(pair)


def same_answers(pairs: Sequence[Pair]) -> tuple[int, int]:
    """In how many pairs both responses are the same text, and how many pairs have both."""
    answered = [pair for pair in pairs if pair.response_a is not None and pair.response_b is not None]
    return sum(pair.response_a == pair.response_b for pair in answered), len(answered)


def emotions(pairs: Sequence[Pair]) -> list[str]:
    return sorted({pair.emotion for pair in pairs})


def judges(pairs: Sequence[Pair]) -> list[str]:
    return list(dict.fromkeys(verdict.judge for pair in pairs for verdict in pair.verdicts))


def _is(pair: Pair, wanted: PairFilter) -> bool:
    if wanted.emotion is not None and pair.emotion != wanted.emotion:
        return False
    if wanted.sentiment is not None and pair.sentiment != wanted.sentiment:
        return False
    if wanted.words_b is not None:
        low, high = wanted.words_b
        if pair.response_b is None or not low <= len(pair.response_b.split()) <= high:
            return False
    if wanted.text and wanted.text.casefold() not in _words(pair):
        return False
    if wanted.outcome is not None:
        found = outcomes(pair)
        own = [who for judge, who in found.items() if wanted.judge in (None, judge)]
        if wanted.outcome not in (own or ["none"]):
            return False
    match wanted.disagreement:
        case "judges":
            return judges_disagree(pair)
        case "orders":
            return orders_disagree(pair, wanted.judge)
        case "any":
            return disagree(pair)
    return True


def _words(pair: Pair) -> str:
    texts = (pair.dialog_id, pair.situation, pair.utterance, pair.response_a or "", pair.response_b or "")
    return "\n".join(texts).casefold()
