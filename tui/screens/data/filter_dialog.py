"""The dialog that filters dialogues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.dialogs.filter_dialog import FilterDialog, FilterField
from tui.screens.data.filters import ANY_RESPONSE, CHOICES, SPLITS

if TYPE_CHECKING:
    from core.api import DialogueFilter, Workspace


class DialogueFilterScreen(FilterDialog["DialogueFilter"]):
    """Counts the matching dialogues; `emotions` has the count of each emotion, `total` all dialogues."""

    def __init__(
        self, emotions: Mapping[str, int], sources: Sequence[str], total: int, current: DialogueFilter
    ) -> None:
        rated = dict(current.ratings)
        named = {emotion: f"{emotion} ({count:,})" for emotion, count in emotions.items()}
        #: The source of each rating field, None for any response.
        self._rated = (None, *sources)
        super().__init__(
            "Filter dialogues",
            [
                FilterField("Emotion", named, current.emotion),
                FilterField("Split", dict(zip(SPLITS, SPLITS, strict=True)), current.split),
                *(
                    FilterField(f"{source or ANY_RESPONSE} rated", CHOICES, rated.get(source))
                    for source in self._rated
                ),
            ],
            current.text,
        )
        self._total = total

    def wanted(self, chosen: Sequence[Any], text: str) -> DialogueFilter:
        from core.api import DialogueFilter

        emotion, split, *ratings = chosen
        rated = zip(self._rated, ratings, strict=True)
        return DialogueFilter(
            emotion, split, tuple((who, allowed) for who, allowed in rated if allowed), text
        )

    def count(self, wanted: DialogueFilter) -> None:
        def look(workspace: Workspace) -> int:
            return workspace.data.browser.count(wanted)

        self.app.read("matching dialogues", look, self._counted)

    def _counted(self, found: int) -> None:
        if self.is_mounted:
            self.show_count(f"{found:,} of {self._total:,} dialogues")
