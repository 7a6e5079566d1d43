"""Pairs: two responders side by side for each dialogue, with verdicts, and all responses to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable

from tui.format.text import visible
from tui.navigation.messages import OpenBallot, OpenDialogue, OpenScreen
from tui.navigation.pair_filter import PairFilter
from tui.runtime.login import login_name
from tui.screens.pairs import pair_text, pairs_data
from tui.screens.pairs.filter_actions import FilterActions
from tui.screens.pairs.keys import KEYS
from tui.screens.pairs.pair_browser import PairBrowser
from tui.screens.pairs.pair_lines import PairSet
from tui.screens.pairs.pair_list import PairList
from tui.screens.pairs.pair_text import ResponseSide
from tui.screens.pairs.pair_view import ShownPair
from tui.screens.pairs.pair_walk import PairWalk

if TYPE_CHECKING:
    from core.api import Pair, Prompt, Response, Snapshot
    from tui.screens.pairs.pairs_data import PairsData
    from tui.screens.pairs.responses_view import ResponsesView

#: The stages that generate and judge responses.
_STAGES = ("respond", "judge", "compare")


class PairsScreen(FilterActions):
    """Shows the pair of a dialogue, or all responses to it."""

    MODE = "pairs"
    ABOUT = (
        "Two responses to the same test dialogue with their verdicts, and all responders' responses to it, "
        "from base to sft to sft-dpo. The list has each judge's winner, the margin from -1 (A) to +1 (B), "
        "and after ≠ how far the texts, the judges, and a judge's two orders differ (0 % is the same)."
    )
    CSS_PATH = "pairs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._a: str | None = None
        self._b: str | None = None
        #: Whether these are shown only because no comparison was done, and nobody has chosen any.
        self._is_provisional = False
        #: The side to choose a responder for, once there are names.
        self._to_choose: ResponseSide | None = None
        #: The dialogue to show once it is loaded.
        self._sought: str | None = None
        #: The judge's prompt, and the judges that score responses separately; None until it is loaded.
        self._prompt: Prompt | None = None
        self._alone: Collection[str] = ()
        #: Whether a judge is to compare the two responders.
        self._is_compared = False
        #: The last known states of the jobs behind this screen.
        self._concerned: object = None
        self._browser = PairBrowser()
        #: None until it is first opened.
        self._responses_view: ResponsesView | None = None

    def body(self) -> ComposeResult:
        yield self._browser

    def on_mount(self) -> None:
        self._enter()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        key = self._browser.list.selected_key
        pair = self._walk.pair
        if key is not None and (pair is None or pair.dialog_id != key) and self._walk.seek(key):
            self._draw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self._browser.read()

    def on_listing_rearranged(self, event: PairList.Rearranged) -> None:
        event.stop()
        self._walk.arrange(event.keys)
        self._draw()

    def compare(self, a: str, b: str, only: PairFilter | None = None) -> None:
        """Show these two responders from the first dialogue on; `only` filters the pairs."""
        self._show_responses(False)
        if (a, b) != (self._a, self._b):
            self._walk, self._wanted = PairWalk(), PairFilter()
            self._take(a, b)
        if only is not None:
            self.apply(only)
        self._read()

    def seek(self, dialog_id: str) -> None:
        """Show a dialogue; clears the filter if it hides it."""
        self._show_responses(False)
        self._sought = dialog_id
        self._settle()

    def on_screen_resume(self) -> None:
        # Other content, such as the template, may have changed meanwhile.
        self._concerned = None
        if self._is_provisional:
            self._a = self._b = None

    def show(self, snapshot: Snapshot) -> None:
        self.set_has_nothing(not snapshot.dialogues.total)
        # Most snapshots concern other stages.
        of_stages = [(job.id, job.state, job.done) for job in snapshot.jobs if job.stage in _STAGES]
        if (concerned := (snapshot.dialogues, of_stages)) != self._concerned:
            self._concerned = concerned
            self._read()

    def is_offered(self, action: str) -> bool:
        # Without room for both, the list is a key away.
        return super().is_offered(action) and (action != "list" or self._browser.hides_list)

    def action_step(self, by: int) -> None:
        if self._has_pairs():
            self._go(self._walk.at + by)

    def action_go(self, index: int) -> None:
        if self._walk.found:
            self._go(index % len(self._walk.found))

    def action_disagreement(self) -> None:
        if not self._has_pairs():
            return
        if self._walk.next_disagreement():
            self._draw()
        else:
            self.app.show_message("no verdicts disagree here")

    def action_responses(self) -> None:
        if self._shows_responses:
            self._show_responses(False)
        elif self._has_pairs():
            self._show_responses(True)

    def action_verdicts(self) -> None:
        self._show_responses(False)
        if self._has_pairs():
            self._browser.view.toggle_answers(on=self._browser.reveal())

    def action_rubric(self) -> None:
        if self._has_pairs():
            self._show_responses(False)
            self._browser.reveal()
            self._browser.view.next_question()

    def action_list(self) -> None:
        self._show_responses(False)
        self._browser.toggle_list()

    def action_words(self) -> None:
        self._show_responses(False)
        if (why := self._browser.view.toggle_words(on=self._browser.reveal())) is not None:
            self.app.show_message(why)

    def action_copy(self) -> None:
        pair = self._walk.pair
        if self._has_pairs() and pair is not None:
            self.app.copy(pair_text.plain(pair, self._a or "", self._b or ""))

    def action_export(self) -> None:
        if self._a is None or self._b is None:
            self.app.show_lack("choose two responders first", reading=self.reading)
        else:
            self.app.run_command(pairs_data.export(self.app.workspace, self._a, self._b))

    def action_vote(self) -> None:
        if self._a is None or self._b is None:
            self.app.show_lack("choose two responders first", reading=self.reading)
        elif self._a == self._b:
            self.app.show_message("choose two different responders first")
        else:
            self.app.post_message(OpenBallot(self._a, self._b, login_name()))

    def action_data(self) -> None:
        pair = self._walk.pair
        if self._has_pairs() and pair is not None:
            self.app.post_message(OpenDialogue(pair.dialog_id))

    def action_jump(self) -> None:
        from tui.dialogs.choose import ChooseScreen

        if not self._has_pairs():
            return
        names = [
            f"{number} {pair.dialog_id} {pair.emotion}"
            for number, pair in enumerate(self._walk.found, start=1)
        ]
        self.app.push_screen(ChooseScreen("Jump to a dialogue", names, names[self._walk.at]), self._jumped)

    def action_choose(self, side: ResponseSide) -> None:
        from tui.dialogs.choose import ChooseScreen

        if not self._names and not self._is_read:
            self._to_choose = side
            return
        if not self._names:
            self.app.show_message("there are no responders yet: import data first")
            return
        current = self._a if side == "a" else self._b
        screen = ChooseScreen(f"Responder {side.upper()}", self._names, current)
        self.app.push_screen(screen, partial(self._chosen, side))
        # Those of earlier settings are offered as soon as they have names.
        self.app.read("superseded responders", pairs_data.read_names, screen.offer)

    def on_responses_view_taken(self, event: ResponsesView.Taken) -> None:
        event.stop()
        self._chosen(event.side, event.responder)
        if event.opened:
            self._show_responses(False)

    def step_back(self) -> None:
        """Close the responses; else clear the filter; else leave the screen."""
        if self._shows_responses and self._responses_view is not None:
            if not self._responses_view.back():
                self._show_responses(False)
        elif self._wanted:
            self.apply(PairFilter())
        else:
            self.app.post_message(OpenScreen("win_rates"))

    @property
    def _shows_responses(self) -> bool:
        return self._responses_view is not None and self._responses_view.display

    def _show_responses(self, is_shown: bool) -> None:
        """Switch between the pair and all responses to the dialogue."""
        if is_shown == self._shows_responses:
            return
        if self._responses_view is None:
            from tui.screens.pairs.responses_view import ResponsesView

            self._responses_view = ResponsesView()
            self.query_one("#views").mount(self._responses_view)
        self._responses_view.display = is_shown
        self._browser.cover(is_shown)
        # After its mount, if it opens for the first time.
        self._responses_view.call_after_refresh(self._enter)

    def _enter(self) -> None:
        if self._shows_responses and self._responses_view is not None:
            self._responses_view.enter()
        else:
            self._browser.enter()
        self._draw()

    def draw_found(self) -> None:
        self._fill()
        self._draw()

    def _fill(self) -> None:
        self._browser.fill(self._walk, self._a, self._b)

    def _choose_now(self) -> None:
        """Ask for the responder that was to be chosen before there were names."""
        side, self._to_choose = self._to_choose, None
        if side is not None and self.is_current:
            self.action_choose(side)

    def _chosen(self, side: ResponseSide, name: str | None) -> None:
        """Replace the responder of one side; keep the dialogue and the filter."""
        if name is not None:
            a, b = (name, self._b or name) if side == "a" else (self._a or name, name)
            if self._walk.pair is not None:
                self._sought = self._walk.pair.dialog_id
            self._take(a, b)
            self._read()

    def _take(self, a: str, b: str) -> None:
        """Show no pair under these names until their pairs are loaded."""
        self._a, self._b, self._is_provisional = a, b, False
        self._put(PairSet(), ())
        self._is_read = False
        self._draw()

    def _jumped(self, name: str | None) -> None:
        if name is not None:
            self._go(int(name.partition(" ")[0]) - 1)

    def _go(self, place: int) -> None:
        self._walk.go(place)
        self._draw()

    def _read(self) -> None:
        if self._a is None and self.app.snapshot is not None:
            compared = pairs_data.compared_responders(self.app.snapshot)
            if compared is not None:
                (self._a, self._b), self._is_provisional = compared, False
        query = partial(pairs_data.read, self._a, self._b, self._walk.pairs, self._wanted)
        self.app.read("pairs", query, self._receive)

    def _receive(self, seen: PairsData) -> None:
        self._names = seen.names
        if self._a is None and self.app.snapshot is not None:
            self._is_provisional = True
            self._a, self._b = pairs_data.answered_responders(self.app.snapshot, seen.names)
            if self._a is not None:
                self._read()
        self._choose_now()
        if (seen.a, seen.b) != (self._a, self._b):
            return
        if seen.wanted != self._wanted:
            self._read()
            return
        self._is_read = True
        is_known = seen.pairs is self._walk.pairs and seen.wanted == self._walk.wanted
        about = (seen.prompt, seen.alone, seen.is_compared)
        if not is_known or about != (self._prompt, self._alone, self._is_compared):
            self._prompt, self._alone, self._is_compared = about
            if not is_known:
                self._put(seen.pairs, seen.found)
            if self._sought is None:
                self._draw()
        elif self._shows_responses:
            self._read_responses()
        self._settle()

    def _put(self, pairs: PairSet, found: Sequence[Pair]) -> None:
        self._walk.put(pairs, self._wanted, found)
        self._fill()

    def _settle(self) -> None:
        """Show the requested dialogue once the pairs are loaded."""
        if self._sought is None or not self._walk.all:
            return
        sought, self._sought = self._sought, None
        if not self._walk.seek(sought):
            self._wanted = PairFilter()
            self._walk.narrow(self._wanted, self._walk.all)
            self._fill()
            if not self._walk.seek(sought):
                self.app.show_message(f"{sought} is not a test dialogue")
        self._draw()

    def _has_pairs(self) -> bool:
        """Whether there is a pair; shows the reason if there is none."""
        if self._walk.found:
            return True
        if self.has_dialogues():
            key = self.app.key_name("screen.back", "Esc")
            self.app.show_message(f"no pair matches the filter: {key} clears it")
        return False

    def _draw(self) -> None:
        if self._walk.pair is not None:
            self._browser.follow(self._walk.pair.dialog_id)
        pair, place = self._walk.pair, visible(self._walk.place)
        if (
            self._shows_responses
            and self._responses_view is not None
            and (pair is not None or not self._walk.all)
        ):
            # Keep the content while another responder's pairs are loading.
            if pair is not None:
                context = pair_text.context(pair, place, self._walk.wanted.text)
                self._responses_view.head(pair.dialog_id, context, (self._a or "", self._b or ""))
                self._read_responses()
            return
        self._show_responses(False)
        shown = None
        if pair is not None:
            sides, text = (self._a or "", self._b or ""), self._walk.wanted.text
            shown = ShownPair(pair, *sides, place, self._prompt, self._alone, text, self._is_compared)
        self._browser.show(shown, self._walk.nothing(self.app.key_name, is_read=self._is_read))

    def _read_responses(self) -> None:
        pair = self._walk.pair
        if pair is not None:
            read = partial(pairs_data.read_responses, pair.dialog_id)
            self.app.read("responses", read, self._receive_responses)

    def _receive_responses(self, seen: tuple[str, Sequence[Response]]) -> None:
        dialog_id, responses = seen
        pair = self._walk.pair
        if self._responses_view is not None and pair is not None and pair.dialog_id == dialog_id:
            self._responses_view.show(dialog_id, responses)
