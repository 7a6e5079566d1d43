"""The dialog that filters pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.dialogs.filter_dialog import FilterDialog, FilterField
from tui.navigation import pair_filter
from tui.navigation.pair_filter import DISAGREEMENTS, OUTCOMES, PairFilter

if TYPE_CHECKING:
    from core.api import Pair


class PairFilterScreen(FilterDialog[PairFilter]):
    """Counts the matching pairs."""

    def __init__(self, pairs: Sequence[Pair], current: PairFilter) -> None:
        judges, emotions = pair_filter.judges(pairs), pair_filter.emotions(pairs)
        parts = [
            FilterField("Verdict", OUTCOMES, current.outcome),
            FilterField("By judge", dict(zip(judges, judges, strict=True)), current.judge),
            FilterField("Disagreement", DISAGREEMENTS, current.disagreement),
            FilterField("Emotion", dict(zip(emotions, emotions, strict=True)), current.emotion),
        ]
        super().__init__("Filter pairs", parts, current.text)
        self._pairs = pairs

    def wanted(self, chosen: Sequence[Any], text: str) -> PairFilter:
        outcome, judge, disagreement, emotion = chosen
        return PairFilter(outcome, disagreement, judge, emotion, text)

    def count(self, wanted: PairFilter) -> None:
        self.show_count(f"{len(pair_filter.chosen(self._pairs, wanted))} of {len(self._pairs)} pairs")
