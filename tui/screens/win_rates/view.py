"""The base class of the views of the win rates screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content

from core.api import judge_labels
from tui.components.keyed_table import OPEN, KeyedTable
from tui.format.evaluation import win_rates
from tui.format.text import visible
from tui.navigation.messages import OpenPairs

if TYPE_CHECKING:
    from textual import getters

    from core.api import Job, PredictionPoweredWinRate, WinRate
    from tui.navigation.host import HostApp
    from tui.navigation.pair_filter import PairFilter

#: Comparisons as (a, b) whose pairs a metric was computed from.
Behind = Sequence[tuple[str, str]]


class WinRatesView(Vertical):
    """A view of all comparisons; the screen shows one at a time."""

    DEFAULT_CSS: ClassVar[str] = """
    WinRatesView {
        height: 1fr;
        & > .heading { height: auto; max-height: 5; padding: 0 1; margin: 1 0 0 0; }
        & > .nothing { height: 1fr; padding: 1 2; color: $text-muted; }
        & > .summary { height: auto; padding: 0 1; background: $surface; }
        & > KeyedTable { height: 1fr; margin: 1 0 0 0; }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rates: tuple[WinRate, ...] = ()
        #: Comparison's job → its win rate by people, of those with votes.
        self.with_votes: Mapping[str, PredictionPoweredWinRate] = {}

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        """Show these comparisons; `jobs` has their jobs by id."""

    def stale(self) -> None:
        """Discard derived results; the next `show` requests them again."""

    @property
    def rate(self) -> WinRate | None:
        """The comparison under the cursor."""
        return None

    @property
    def pairs_hint(self) -> str:
        """The key that opens the pairs of a row."""
        return f"   {self.app.key_name(OPEN, 'enter')} pairs"

    def judge_hint(self, at: int, of: int) -> str:
        """Which of the judges is shown, and the key of the next; empty if there is one alone."""
        key = self.app.key_name("win_rates.next_judge", "n")
        return f"  (judge {at + 1} of {of}, {key} next)" if of > 1 else ""

    def back(self) -> bool:
        """Go back inside the view; return whether there was anything to go back from."""
        return False

    def enter(self) -> None:
        """Take the focus, unless another view has taken this one's place by now."""
        for table in self.query(KeyedTable).results():
            table.focus()
            return

    def reveal(self, is_there: bool) -> None:
        """Show or hide the table, and focus it, because a hidden table cannot have the focus."""
        table = self.query_one(KeyedTable)
        if is_there and not table.display:
            self.call_after_refresh(self.enter)
        table.display = is_there

    def open_pairs(self, behind: Behind, only: PairFilter | None = None) -> None:
        """Open the pairs of a comparison, or some of them; asks which comparison if there are several."""
        if not behind:
            self.app.show_message("this row has no pairs")
        elif len(behind) == 1:
            self.app.post_message(OpenPairs(*behind[0], only))
        else:
            self._choose(behind)

    def judge_line(self, judge: str) -> Content:
        """The judge's agreement with people, which is shown beside its results."""
        words = win_rates.judge_words(judge_labels(self.rates), judge)
        return Content.styled(visible(words), "$text-warning")

    def _choose(self, behind: Behind) -> None:
        from tui.dialogs.choose import ChooseScreen

        names = {f"{b} vs. {a}": (a, b) for a, b in behind}

        def open_chosen(name: str | None) -> None:
            if name is not None:
                self.app.post_message(OpenPairs(*names[name]))

        self.app.push_screen(
            ChooseScreen("Open the pairs of which comparison?", list(names), None), open_chosen
        )
