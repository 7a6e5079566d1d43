"""Choosing which pairs are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui import pair_filters
from tui.pair_filters import DISAGREEMENTS, OUTCOMES, PairFilter
from tui.screens.filter_dialog import FilterDialog, Part

if TYPE_CHECKING:
    from core.api import Pair


class PairFilterScreen(FilterDialog[PairFilter]):
    """Counts the pairs that it leaves."""

    def __init__(self, pairs: Sequence[Pair], current: PairFilter) -> None:
        judges, emotions = pair_filters.judges(pairs), pair_filters.emotions(pairs)
        parts = [
            Part("Verdict", OUTCOMES, current.outcome),
            Part("of judge", dict(zip(judges, judges, strict=True)), current.judge),
            Part("Disagreement", DISAGREEMENTS, current.disagreement),
            Part("Emotion", dict(zip(emotions, emotions, strict=True)), current.emotion),
        ]
        super().__init__("Which pairs", parts, current.text)
        self._pairs = pairs

    def wanted(self, chosen: Sequence[Any], text: str) -> PairFilter:
        outcome, judge, disagreement, emotion = chosen
        return PairFilter(outcome, disagreement, judge, emotion, text)

    def count(self, wanted: PairFilter) -> None:
        self.say(f"{len(pair_filters.chosen(self._pairs, wanted))} of {len(self._pairs)} pairs")
