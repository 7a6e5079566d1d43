"""The dialog that filters pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.dialogs.filter_dialog import FilterDialog, FilterField
from tui.navigation import pair_filter
from tui.navigation.pair_filter import DISAGREEMENTS, OUTCOMES, PairFilter
from tui.screens.pairs import pairs_data
from tui.screens.pairs.pair_lines import PairSet


class PairFilterScreen(FilterDialog[PairFilter]):
    """Counts the matching pairs."""

    def __init__(self, pairs: PairSet, current: PairFilter) -> None:
        judges, emotions = pairs.judges, pair_filter.emotions(pairs.all)
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
        self.app.read(
            "matching pairs", lambda _: len(pairs_data.narrowed(self._pairs, wanted)), self._counted
        )

    def _counted(self, found: int) -> None:
        if self.is_mounted:
            self.show_count(f"{found} of {len(self._pairs.all)} pairs")
