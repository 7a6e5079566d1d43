"""The list of dialogues beside the pair, or in its place where there is no room for both."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.events import Resize

from tui.screens.pairs.pair_list import PairList
from tui.screens.pairs.pair_view import PairView, ShownPair
from tui.screens.pairs.pair_walk import PairWalk

#: The list is beside the pair from this width on; without it the responses are side by side.
WIDE = 100
#: Beside the list the responses are side by side from this width of the pair on.
_BESIDE = 60


class PairBrowser(Horizontal):
    """The list, and the pair or whatever else is mounted in `#views`."""

    DEFAULT_CSS: ClassVar[str] = """
    PairBrowser {
        height: 1fr;
        & > #views { width: 1fr; height: 1fr; }
        & > #pair-list { height: 1fr; margin: 1 0 0 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.list = PairList()
        self.view = PairView()
        #: Whether the user wants the list; None for where there is room beside the pair.
        self._wanted: bool | None = None
        self._has_pairs = False
        #: Whether there are pairs to list, and the list is hidden.
        self.hides_list = False
        self._responders: tuple[str | None, str | None] = (None, None)
        self._is_covered = False
        #: What to show in the texts' place once they are displayed; None if it is shown.
        self._next: tuple[ShownPair | None, str] | None = None

    def compose(self) -> ComposeResult:
        yield self.list
        with Container(id="views"):
            yield self.view

    def on_mount(self) -> None:
        self._lay_out()

    def on_resize(self, event: Resize) -> None:
        self.list.fit(event.size.width)
        self._lay_out()

    def fill(self, walk: PairWalk, a: str | None, b: str | None) -> None:
        """List the pairs of two responders, in the order that the user chose, which the walk takes over."""
        self._responders = (a, b)
        found, judges = walk.pairs.lines, walk.pairs.judges
        if len(walk.found) < len(found):
            found = {pair.dialog_id: found[pair.dialog_id] for pair in walk.found}
        self.list.put(found, judges, self.size.width)
        self.view.expect(walk.all, len(judges))
        walk.arrange(self.list.keys)
        was_shown, self._has_pairs = self.list.display, bool(walk.all)
        self._lay_out()
        if self.list.display and not was_shown:
            self.list.enter()
        if self.list.display == was_shown:
            self.view.reserve()

    def show(self, pair: ShownPair | None, nothing: str) -> None:
        """Show a pair, or the text `nothing` if there is none; with the list, a frame after its cursor."""
        self._next = (pair, nothing)
        if self.list.display:
            # While a key is held down, the texts of the last pair alone are drawn.
            self.call_after_refresh(self._show_next)
        else:
            self._show_next()

    def follow(self, dialog_id: str) -> None:
        """Move the cursor of the list to a dialogue."""
        if dialog_id != self.list.selected_key:
            self.list.select(dialog_id)

    def cover(self, is_covered: bool) -> None:
        """Give the list's room to another view than the pair, or take it back."""
        self._is_covered = is_covered
        self.view.display = not is_covered
        self._lay_out()

    def toggle_list(self) -> None:
        """Show or hide the list."""
        self._wanted = not self.list.display
        self._lay_out()
        self.enter()

    def read(self) -> None:
        """Take the focus to the texts; without room for both they take the list's place."""
        self.reveal()
        self.view.enter()

    def reveal(self) -> bool:
        """Show the texts, in the list's place without room for both; return whether they were hidden."""
        was_hidden = not self.query_one("#views").display
        if not self._is_wide:
            self._wanted = False
            self._lay_out()
        if was_hidden:
            self.view.enter()
        return was_hidden

    def enter(self) -> None:
        """Take the focus."""
        if self.list.display:
            self.list.enter()
        else:
            self.view.enter()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _lay_out(self) -> None:
        wanted = self._is_wide if self._wanted is None else self._wanted
        can_list = self._has_pairs and not self._is_covered
        self.list.display = wanted and can_list
        if self.hides_list != (can_list and not wanted):
            self.hides_list = not self.hides_list
            # The line of keys shows the one of the list where the list is hidden.
            self.screen.refresh_bindings()
        self.query_one("#views").display = self._is_wide or not self.list.display
        self._show_next()
        is_split = self.list.display and self._is_wide
        self.list.compare(*self._responders, is_alone=not is_split)
        room = self.size.width - (self.list.taken if is_split else 0)
        self.view.set_class(room >= (_BESIDE if is_split else WIDE), "wide")
        self.view.set_class(room >= WIDE, "widest")

    def _show_next(self) -> None:
        # Drawing what is not displayed would make each move in the list slower.
        if self._next is not None and self.query_one("#views").display:
            self.view.show(*self._next)
            self._next = None
