"""Lists: what a filter leaves, in which order, and where the cursor stays."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import DataTable

from tests.support.settling import shown, until, until_shows
from tui.components.listing import ListEntry, Listing
from tui.components.sorting import next_sort
from tui.components.table_cells import Column
from tui.components.theme import DARK

COLUMNS = [Column("name", "name", 12), Column("size", "size", 6, "right"), Column("note", "note", 8)]
NARROW = [Column("name", "name", 9), *COLUMNS[1:]]
ITEMS: dict[str, tuple[str, float | None]] = {
    "a": ("apple", 3.0),
    "b": ("[bold]berry", None),
    "c": ("Cherry", 1.0),
    "d": ("date", 2.0),
}


class Shelf(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.drawn: list[str] = []
        #: The rows that the cursor came to.
        self.reported: list[str] = []
        self.messages: list[str] = []

    def show_message(self, text: str) -> None:
        self.messages.append(text)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        if self.reported[-1:] != [event.row_key.value]:
            self.reported.append(str(event.row_key.value))

    def compose(self) -> ComposeResult:
        yield Listing(id="shelf", draw=self.draw, words="a part of a name")

    def draw(self, item: tuple[str, float | None]) -> ListEntry:
        name, size = item
        self.drawn.append(name)
        cells = [Text(name), Text("" if size is None else str(size)), Text("")]
        return ListEntry(cells, name, {"name": name, "size": size})

    @property
    def listing(self) -> Listing[tuple[str, float | None]]:
        return self.query_one("#shelf", Listing)


def keys(pilot: Pilot[None]) -> list[str]:
    app = pilot.app
    assert isinstance(app, Shelf)
    return [str(key.value) for key in app.listing.table.rows]


async def open_shelf(check: Callable[[Pilot[None], Shelf], object]) -> None:
    app = Shelf()
    async with app.run_test(size=(60, 12)) as pilot:
        app.listing.show(COLUMNS, ITEMS)
        app.listing.enter()
        await pilot.pause()
        await check(pilot, app)  # type: ignore[misc]


async def test_filter_and_back() -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        await pilot.press("slash", *"RR y")
        await until_shows(pilot, "/RR y: 2 of 4")
        assert keys(pilot) == ["b", "c"]
        assert "[bold]berry" in shown(pilot)
        await pilot.press("enter")
        assert app.listing.table.has_focus
        assert app.listing.back()
        assert keys(pilot) == ["a", "b", "c", "d"]
        assert not app.listing.back()

    await open_shelf(check)


async def test_sorting_by_what_can_be_sorted_by_and_back_to_the_own_order() -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        orders = []
        for _ in range(3):
            await pilot.press("greater_than_sign")
            orders.append(keys(pilot))
        assert orders == [["b", "a", "c", "d"], ["c", "d", "a", "b"], ["a", "b", "c", "d"]]
        await pilot.press("less_than_sign", "I")
        assert keys(pilot) == ["a", "d", "c", "b"], "what is not known comes last in both directions"
        await until_shows(pilot, "by size, reversed")
        assert "size ↓" in shown(pilot)

    await open_shelf(check)


def test_the_default_order_comes_first_or_has_the_place_of_the_column_that_it_is_that_of() -> None:
    columns = ["a", "b", "c"]
    assert [next_sort(columns, one, 1) for one in (None, *columns)] == ["a", "b", "c", None]
    assert [next_sort(columns, one, -1) for one in (None, *columns)] == ["c", None, "a", "b"]
    after_a = [next_sort(columns, one, 1, ordered_by="a") for one in (None, *columns)]
    assert after_a == ["b", "b", "c", None]
    before_b = [next_sort(columns, one, -1, ordered_by="b") for one in (None, *columns)]
    assert before_b == ["a", "c", "a", None]
    assert next_sort([], None, 1, ordered_by="a") is None


async def test_the_column_of_the_order_is_on_the_screen() -> None:
    app = Shelf()
    async with app.run_test(size=(18, 12)) as pilot:
        app.listing.show(COLUMNS, ITEMS)
        app.listing.enter()
        table = app.listing.table
        await pilot.press("greater_than_sign", "greater_than_sign")
        await until(pilot, lambda: table.scroll_x == 4 and "size ↑" in shown(pilot))
        await pilot.press("I")
        await until(pilot, lambda: table.scroll_x == 4 and "size ↓" in shown(pilot))
        await pilot.press("less_than_sign")
        await until(pilot, lambda: table.scroll_x == 0 and "name ↑" in shown(pilot))


async def test_the_cursor_stays_on_its_row() -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        await pilot.press("down", "down")
        assert app.listing.selected_key == "c"
        await pilot.press("greater_than_sign", "I")
        assert app.listing.selected_key == "c"
        app.listing.show(NARROW, {"z": ("zest", 0.0), **ITEMS})
        assert app.listing.selected_key == "c"
        app.listing.show(NARROW, {key: item for key, item in ITEMS.items() if key != "c"})
        await until(pilot, lambda: app.listing.selected_key is not None)
        assert app.listing.select("a")
        assert not app.listing.select("gone")

    await open_shelf(check)


async def test_a_moved_cursor_is_announced() -> None:
    app = Shelf()
    async with app.run_test(size=(60, 12)) as pilot:
        app.listing.show(COLUMNS, ITEMS)
        app.listing.enter()
        await until(pilot, lambda: app.reported == ["a"])
        await pilot.press("slash", *"date")
        await until(pilot, lambda: app.reported[-1] == "d")
        app.listing.back()
        await pilot.press("up")
        await until(pilot, lambda: app.reported[-1] == "c")


async def test_only_what_differs_is_drawn() -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        app.drawn.clear()
        app.listing.show(COLUMNS, ITEMS | {"a": ("apple", 4.0)})
        assert app.drawn == ["apple"]
        app.drawn.clear()
        await pilot.press("slash", "a")
        await pilot.press("escape")
        assert app.drawn == []
        app.theme = "textual-light"
        await until(pilot, lambda: len(app.drawn) == 4)

    await open_shelf(check)


@settings(max_examples=15)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcdefgh"),
            st.tuples(st.sampled_from(["x", "y", "zz"]), st.none() | st.floats(0, 9)),
        ),
        max_size=5,
    ),
    st.lists(st.sampled_from(["greater_than_sign", "less_than_sign", "I", "down", "up"]), max_size=6),
)
async def test_whatever_comes_and_goes_all_rows_are_there(
    steps: list[dict[str, tuple[str, float | None]]], pressed: list[str]
) -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        for step in steps:
            app.listing.show(COLUMNS, step)
            await pilot.press(*pressed)
            assert sorted(keys(pilot)) == sorted(step)
            for key in step:
                assert app.listing.table.get_row(key)[0].plain == step[key][0]

    await open_shelf(check)


async def test_a_click_on_a_heading_sorts_by_its_column() -> None:
    async with Shelf().run_test(size=(60, 20)) as pilot:
        app = pilot.app
        assert isinstance(app, Shelf)
        app.listing.show(COLUMNS, ITEMS)
        await until(pilot, lambda: keys(pilot) == ["a", "b", "c", "d"])
        heading = (17, 0)
        await pilot.click(DataTable, offset=heading)
        await until(pilot, lambda: keys(pilot) == ["c", "d", "a", "b"])
        await pilot.click(DataTable, offset=heading)
        await until(pilot, lambda: keys(pilot) == ["a", "d", "c", "b"])
        # That column has nothing to sort by.
        await pilot.click(DataTable, offset=(26, 0))
        await pilot.pause()
        assert keys(pilot) == ["a", "d", "c", "b"]


async def test_some_items_change_in_their_places() -> None:
    async def check(pilot: Pilot[None], app: Shelf) -> None:
        app.drawn.clear()
        app.listing.show_some({"c": ("Cherry", 7.5), "d": ("date", 9.0)})
        await until_shows(pilot, "7.5")
        assert app.drawn == ["Cherry", "date"]
        assert keys(pilot) == ["a", "b", "c", "d"]
        # By a column whose values have changed, the order does too.
        app.listing.action_sort(2)
        app.listing.show_some({"c": ("Cherry", 1.5)})
        assert keys(pilot) == ["c", "a", "d", "b"]

    await open_shelf(check)
