"""How people filter the pairs: by verdict or disagreement, by emotion, by words in the texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tui.components.workspace_screen import WorkspaceScreen
from tui.navigation import pair_filter
from tui.navigation.pair_filter import PairFilter
from tui.screens.pairs import pairs_data
from tui.screens.pairs.pair_lines import PairSet
from tui.screens.pairs.pair_walk import PairWalk

if TYPE_CHECKING:
    from core.api import Pair

_ALL = "all pairs"


class FilterActions(WorkspaceScreen):
    """A screen with pairs, of which it shows those that match a filter."""

    def __init__(self) -> None:
        super().__init__()
        self._walk = PairWalk()
        #: The filter that was requested last; that of the walk follows once its pairs are found.
        self._wanted = PairFilter()
        #: Whether the pairs are loaded.
        self._is_read = False

    def draw_found(self) -> None:
        """Draw the list and the pair again: other pairs match."""
        raise NotImplementedError

    @property
    def reading(self) -> str | None:
        """The app's key of reading the pairs, until they are loaded."""
        return None if self._is_read else "pairs"

    def has_dialogues(self) -> bool:
        """Whether there are pairs, with or without a filter; shows the reason if there are none."""
        if not self._walk.all:
            self.app.show_lack("there are no dialogues to show yet", reading=self.reading)
        return bool(self._walk.all)

    def action_filter(self) -> None:
        from tui.screens.pairs.filter_dialog import PairFilterScreen

        if self.has_dialogues():
            self.app.push_screen(PairFilterScreen(self._walk.pairs, self._wanted), self._filtered)

    def action_emotion(self) -> None:
        from tui.dialogs.choose import ChooseScreen

        if self.has_dialogues():
            names = [_ALL, *pair_filter.emotions(self._walk.all)]
            dialog = ChooseScreen("Emotion", names, self._wanted.emotion or _ALL)
            self.app.push_screen(dialog, self._emotion_chosen)

    def action_search(self) -> None:
        from tui.dialogs.ask_text import AskTextScreen

        if self.has_dialogues():
            self.app.push_screen(AskTextScreen("Search in the texts", self._wanted.text), self._searched)

    def apply(self, wanted: PairFilter) -> None:
        """Show the pairs that match a filter, once they are found."""
        self._wanted = wanted
        pairs = self._walk.pairs
        if not wanted or not pairs.all:
            self._narrow(pairs, wanted, pairs.all)
            return
        self.app.read(
            "filtered pairs",
            lambda _: pairs_data.narrowed(pairs, wanted),
            partial(self._narrow, pairs, wanted),
        )

    def _narrow(self, pairs: PairSet, wanted: PairFilter, found: Sequence[Pair]) -> None:
        # Other pairs come with those of them that match.
        if pairs is self._walk.pairs and wanted == self._wanted:
            self._walk.narrow(wanted, found)
            self.draw_found()

    def _filtered(self, wanted: PairFilter | None) -> None:
        if wanted is not None:
            self.apply(wanted)

    def _emotion_chosen(self, name: str | None) -> None:
        if name is not None:
            self.apply(replace(self._wanted, emotion=None if name == _ALL else name))

    def _searched(self, text: str | None) -> None:
        if text is not None:
            self.apply(replace(self._wanted, text=text.strip()))
