"""The imported dialogues as rows, a page at a time; the store filters, searches and sorts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from tui.components.filter_box import FilterBox
from tui.components.keyed_table import KeyedTable
from tui.components.listing import Listing
from tui.components.sorting import UNSORTED
from tui.components.table_cells import Column, sorted_by
from tui.components.theme import shade
from tui.format.data import ratings
from tui.format.text import visible
from tui.screens.data import filters

if TYPE_CHECKING:
    from textual import getters

    from core.api import DialogueFilter, DialogueLine, DialogueOrder, DialoguePage, Workspace
    from tui.navigation.host import HostApp

PageSide = Literal["before", "after"]


class PageTable(KeyedTable):
    """A table that requests the adjacent page beyond its first and last row."""

    class Beyond(Message):
        """The cursor moves beyond the page."""

        def __init__(self, side: PageSide) -> None:
            super().__init__()
            self.side = side

    def action_cursor_down(self) -> None:
        if self.cursor_row + 1 >= self.row_count:
            self.post_message(self.Beyond("after"))
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        if self.cursor_row <= 0:
            self.post_message(self.Beyond("before"))
        else:
            super().action_cursor_up()


class DialogueList(Vertical):
    """One page of the dialogues that match the filter; moving beyond its ends loads the adjacent page."""

    DEFAULT_CSS: ClassVar[str] = """
    DialogueList {
        & > .how { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        & > KeyedTable { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # The same keys as in every list.
        *Listing.BINDINGS,
        Binding(
            "right_square_bracket",
            "page('after')",
            "Page",
            id="data.page",
            key_display="]",
            tooltip="Next page of dialogues",
        ),
        Binding(
            "left_square_bracket",
            "page('before')",
            "Page back",
            id="data.page_back",
            key_display="[",
            show=False,
            tooltip="Previous page of dialogues",
        ),
    ]

    class Selected(Message):
        """The cursor moved to another dialogue, or to none; with `opened`, Enter was pressed on it."""

        def __init__(self, line: DialogueLine | None, *, opened: bool = False) -> None:
            super().__init__()
            self.line = line
            self.opened = opened

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__()
        from core.api import DialogueFilter, DialogueOrder

        self.wanted: DialogueFilter = DialogueFilter()
        self._order: DialogueOrder = DialogueOrder()
        self._sources: Sequence[str] = ()
        self._page: DialoguePage | None = None
        self._lines: dict[str, DialogueLine] = {}
        #: The number of the last request of a page.
        self._asked = 0
        #: The dialogue to select once its page is loaded.
        self._sought: str | None = None
        #: Whether the next page has another order, and starts at its top.
        self._at_top = False
        #: The drawn page, and its filter and order.
        self._drawn: object = None
        #: The width that the rows were drawn for.
        self._width = 0

    def compose(self) -> ComposeResult:
        yield Static(classes="how", markup=False)
        yield PageTable(reading="dialogues")
        yield FilterBox("words in the situation, the utterance or a response")

    def on_mount(self) -> None:
        self.query_one(".how", Static).update("Reading the dialogues …")

    def on_resize(self, event: Resize) -> None:
        # A view that is shown again gets its old size first.
        if self._page is not None and event.size.width != self._width:
            self._fill()

    @property
    def line(self) -> DialogueLine | None:
        """The dialogue under the cursor."""
        return self._lines.get(self.query_one(KeyedTable).selected_key or "")

    @property
    def is_read(self) -> bool:
        """Whether it is known which dialogues there are."""
        return self._page is not None

    def read(self, sources: Sequence[str]) -> None:
        """Reload the dialogues with responses from these sources, and keep the selected one."""
        self._sources = sources
        self._ask(holding=self._sought or self.query_one(KeyedTable).selected_key)

    def seek(self, dialog_id: str) -> None:
        """Select a dialogue; clears the filter if it hides it."""
        self._sought = dialog_id
        if self._page is not None:
            self._ask(holding=dialog_id)

    def choose(self, wanted: DialogueFilter) -> None:
        """Show the dialogues that match, and keep the selected one if it is among them."""
        with self.prevent(Input.Changed):
            self.query_one(FilterBox).value = wanted.text
        self._want(wanted)

    def step(self, by: int) -> None:
        """Move the cursor by rows, beyond the end of the page to the adjacent one."""
        table = self.query_one(KeyedTable)
        row = table.cursor_row + by
        if 0 <= row < table.row_count:
            table.move_cursor(row=row, animate=False)
        elif self._has_page("after" if by > 0 else "before"):
            self.action_page("after" if by > 0 else "before")
        else:
            self.app.show_message("this is the last dialogue" if by > 0 else "this is the first dialogue")

    def back(self) -> bool:
        """Clear the search or the filter; return whether there was one."""
        from core.api import DialogueFilter

        if not self.query_one(FilterBox).close() and not self.wanted:
            return False
        self.choose(DialogueFilter())
        self.enter()
        return True

    def enter(self) -> None:
        """Take the focus."""
        self.query_one(KeyedTable).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._want(replace(self.wanted, text=event.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.enter()

    def on_page_table_beyond(self, event: PageTable.Beyond) -> None:
        event.stop()
        if self._has_page(event.side):
            self.action_page(event.side)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self.post_message(self.Selected(self.line))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.post_message(self.Selected(self.line, opened=True))

    def action_filter(self) -> None:
        self.query_one(FilterBox).open()

    def action_sort(self, by: int) -> None:
        """Sort by the next sortable column; after the last comes the file's order."""
        orders = [("position", ""), ("split", ""), ("emotion", "")]
        orders += [("rating", source) for source in self._sources]
        at = orders.index((self._order.by, self._order.source))
        name, source = orders[(at + by) % len(orders)]
        self._sort(replace(self._order, by=name, source=source, is_reversed=False))  # type: ignore[arg-type]

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by its column, another one reverses the order."""
        event.stop()
        name = event.column_key.value
        if name == self._order.by:
            self.action_reverse()
        elif name in ("position", "split", "emotion"):
            self._sort(replace(self._order, by=name, source="", is_reversed=False))  # type: ignore[arg-type]
        elif name == "ratings" and self._sources:
            self._sort_by_next_source()
        else:
            self.app.show_message(UNSORTED)

    def _sort_by_next_source(self) -> None:
        """Sort by the ratings of the first source, then by those of the next one."""
        at = self._sources.index(self._order.source) + 1 if self._order.source in self._sources else 0
        self._sort(
            replace(
                self._order, by="rating", source=self._sources[at % len(self._sources)], is_reversed=False
            )
        )

    def action_reverse(self) -> None:
        self._sort(replace(self._order, is_reversed=not self._order.is_reversed))

    def action_page(self, side: PageSide) -> None:
        if self._page is not None and self._has_page(side):
            self._ask(beside=(side, self._page))
        else:
            self.app.show_message(f"there is no page {side} this one")

    def _want(self, wanted: DialogueFilter) -> None:
        self.wanted = wanted
        self._ask(holding=self.query_one(KeyedTable).selected_key)

    def _has_page(self, side: PageSide) -> bool:
        page = self._page
        return page is not None and (page.last < page.found if side == "after" else page.first > 1)

    def _sort(self, order: DialogueOrder) -> None:
        self._order, self._at_top = order, True
        self._ask()

    def _ask(
        self, *, holding: str | None = None, beside: tuple[PageSide, DialoguePage] | None = None
    ) -> None:
        wanted, order = self.wanted, self._order
        self._asked += 1
        number = self._asked

        def look(workspace: Workspace) -> DialoguePage:
            return workspace.data.browser.page(
                wanted, order, beside, holding, is_wanted=lambda: self._asked == number
            )

        self.app.read("dialogues", look, partial(self._receive, beside and beside[0]))

    def _receive(self, side: PageSide | None, page: DialoguePage) -> None:
        from core.api import DialogueFilter

        at_top, self._at_top = self._at_top, False
        self._page = page
        self._lines = {line.dialog_id: line for line in page.lines}
        sought, self._sought = self._sought, None
        if sought is not None and sought not in self._lines and self.wanted:
            self._sought = sought
            self.choose(DialogueFilter())
            return
        if (page, self.wanted, self._order) != self._drawn:
            self._drawn = (page, self.wanted, self._order)
            self._fill()
        table = self.query_one(KeyedTable)
        if sought is not None and not table.select(sought):
            self.app.show_message(f"there is no dialogue {sought} in the data")
        elif side == "before":
            table.move_cursor(row=table.row_count - 1, animate=False)
        elif side == "after" or at_top:
            table.move_cursor(row=0, animate=False)
        self.post_message(self.Selected(self.line))

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        if self._page is not None:
            self._fill()

    def _fill(self) -> None:
        assert self._page is not None
        self._width = self.size.width
        table, columns = self.query_one(KeyedTable), self._columns()
        table.set_columns([self._headed(column) for column in columns])
        table.put({key: self._row(line, columns) for key, line in self._lines.items()})
        self.query_one(".how", Static).update(self._how(self._page), layout=False)

    def _columns(self) -> list[Column]:
        """The columns that fit; the utterance has priority over the ratings' headings."""
        fixed = [
            Column("position", "no.", max(5, len(f"{self._page.total if self._page else 0:,}")), "right"),
            Column("split", "split", 5),
            Column("emotion", "emotion", 12),
        ]
        free = self.size.width - sum(column.width + 2 for column in fixed) - 4
        longest = max((len(visible(source)) for source in self._sources), default=0)
        each = max(3, min(longest, 8, (free - 36) // max(1, len(self._sources)) - 2))
        # One column for all sources, because every cell of a table takes time.
        width = max(1, (each + 2) * len(self._sources) - 2)
        rated = Column("ratings", self._sources_line(each), width, overhang=1)
        return [*fixed, rated, Column("utterance", "utterance", max(10, free - rated.width - 2))]

    def _sources_line(self, each: int) -> str:
        """The sources' names in this many cells, with an arrow at the source that rows are sorted by."""
        names = []
        for source in self._sources:
            is_sorted = self._order.by == "rating" and self._order.source == source
            names.append(f"{visible(source)[:each]}{self._arrow if is_sorted else ''}".ljust(each + 2))
        # The last one's arrow may stand in the padding.
        return "".join(names).rstrip()

    @property
    def _arrow(self) -> str:
        return "↓" if self._order.is_reversed else "↑"

    def _headed(self, column: Column) -> Column:
        """The column, with an arrow if rows are sorted by it."""
        order = self._order
        if column.key != order.by or (order.by == "position" and not order.is_reversed):
            return column
        return sorted_by(column, self._arrow)

    def _row(self, line: DialogueLine, columns: Sequence[Column]) -> list[Text]:
        muted, rated = shade(self.app, "text-muted"), next(c for c in columns if c.key == "ratings")
        each = (rated.width + 2) // max(1, len(self._sources))
        given = Text()
        for source in self._sources:
            rating = line.ratings.get(source)
            colour = "text-muted" if rating is None else ratings.RATINGS[rating].colour
            given.append(ratings.short(rating).ljust(each), shade(self.app, colour))
        given.rstrip()
        return [
            Text(f"{line.position + 1:,}", muted),
            Text(line.split, shade(self.app, "text-accent") if line.split == "test" else muted),
            Text(visible(line.emotion)),
            given,
            Text(visible(" ".join(line.utterance.split()))),
        ]

    def _how(self, page: DialoguePage) -> Content:
        """The range of dialogues that are shown, the filter and the order."""
        if not page.total:
            key = self.app.key_name("app.import", "i")
            return Content(f"There is no data yet: press {key} to import a file of dialogues.")
        chosen, order = filters.words(self.wanted), filters.order_words(self._order)
        if not page.found:
            shown = f"None of {page.total:,}"
        elif page.found == page.total:
            shown = f"{page.first:,}–{page.last:,} of {page.found:,}"
        else:
            shown = f"{page.first:,}–{page.last:,} of {page.found:,} (all: {page.total:,})"
        rest = [visible(part) for part in (chosen, order) if part]
        if not page.found:
            rest.append(f"{self.app.key_name('screen.back', 'Esc')} clears")
        return Content.assemble((shown, "$foreground"), "".join(f"  ·  {part}" for part in rest))
