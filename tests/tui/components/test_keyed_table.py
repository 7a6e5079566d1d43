"""A keyed table shows what a DataTable would, and draws only what differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from rich.segment import Segment
from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable, Static
from textual.widgets.data_table import Row

from tests.support.settling import settled
from tui.components.keyed_table import KeyedTable
from tui.components.table_cells import Column, sorted_by

COLUMNS = (Column("name", "name", 12), Column("count", "count", 7, "right"), Column("bar", "bar", 9))


class Measured(KeyedTable):
    """One that measures and draws as Textual's DataTable does."""

    _update_dimensions = DataTable._update_dimensions
    render_lines = DataTable.render_lines
    render_line = DataTable.render_line
    _render_line = DataTable._render_line
    _y_offsets = DataTable._y_offsets

    @property
    def ordered_rows(self) -> list[Row]:
        return [Row(key, 1) for key in self.rows]


class Tables(App[None]):
    """The same rows in both, one above the other."""

    CSS = "KeyedTable { height: 12; }"

    def compose(self) -> ComposeResult:
        yield KeyedTable(id="keyed")
        yield Measured(id="measured")

    @property
    def both(self) -> tuple[KeyedTable, KeyedTable]:
        return self.query_one("#keyed", KeyedTable), self.query_one("#measured", KeyedTable)

    def fill(self, rows: dict[str, list[Text]]) -> None:
        for table in self.both:
            table.set_columns(COLUMNS)
            table.put({key: [cell.copy() for cell in cells] for key, cells in rows.items()})


def drawn(table: KeyedTable) -> list[list[tuple[str, str]]]:
    """Each line's letters, each with its colours and attributes."""
    lines = []
    for strip in table.render_lines(table.size.region):
        line = []
        for segment in strip:
            style = segment.style
            look = f"{style.color} {style.bgcolor} {style.bold} {style.italic}" if style else ""
            line += [(letter, look) for letter in segment.text]
        lines.append(line)
    return lines


def made(count: int) -> dict[str, list[Text]]:
    return {
        f"row-{number}": [
            Text(f"{'漢字 ' if number % 3 else ''}a long name, number {number}", "bold"),
            Text(str(number) * (number % 9 + 1), "#8b96a3"),
            Text.assemble(("━━", "red"), ("━" * (number % 8), "on blue"), style="on #222222"),
        ]
        for number in range(count)
    }


@pytest.mark.parametrize("width", [80, 20])
@pytest.mark.parametrize("cursor", ["row", "cell"])
@pytest.mark.parametrize("headed", [True, False])
async def test_it_looks_as_a_data_table_does(
    width: int, cursor: Literal["row", "cell"], headed: bool
) -> None:
    async with Tables().run_test(size=(width, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tables)
        keyed, measured = app.both
        for table in app.both:
            table.cursor_type, table.fixed_columns = cursor, int(cursor == "cell")
            table.show_header = headed
        app.fill(made(40))
        for row, x in ((3, 0), (25, 4)):
            for table in app.both:
                table.focus()
                table.move_cursor(row=row, column=1, animate=False)
                table.scroll_to(x=x, animate=False)
            await pilot.pause()
            assert keyed.virtual_size == measured.virtual_size
            assert keyed.scroll_offset == measured.scroll_offset
            # Neither has the focus, or the other one.
            app.set_focus(None)
            await pilot.pause()
            assert drawn(keyed) == drawn(measured)
        app.set_focus(keyed)
        await pilot.pause()
        focused = drawn(keyed)
        app.set_focus(measured)
        await pilot.pause()
        assert focused == drawn(measured) != drawn(keyed)


@pytest.mark.parametrize(("row", "scrolled"), [(1, 0), (30, 20)])
async def test_the_cursor_is_in_view_also_if_it_moved_before_the_layout(row: int, scrolled: int) -> None:
    async with Tables().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tables)
        keyed = KeyedTable()
        keyed.display = False
        await app.mount(keyed)
        keyed.set_columns(COLUMNS)
        keyed.put(made(40))
        await pilot.pause()
        keyed.select(f"row-{row}")
        await pilot.pause()
        assert not keyed.size
        keyed.display = True
        await pilot.pause()
        assert keyed.size.height == 12
        assert keyed.scroll_y == scrolled


async def test_a_change_draws_its_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Tables().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tables)
        keyed, _ = app.both
        rows = made(40)
        keyed.set_columns(COLUMNS)
        keyed.put(rows)
        await pilot.pause()
        made_anew: list[int] = []
        segments = KeyedTable._segments

        def counted(self: KeyedTable, row: int, *rest: Any) -> Iterator[Segment]:
            made_anew.append(row)
            return segments(self, row, *rest)

        monkeypatch.setattr(KeyedTable, "_segments", counted)
        keyed.put({key: [cell.copy() for cell in cells] for key, cells in rows.items()})
        await pilot.pause()
        assert not made_anew
        keyed.put(rows | {"row-4": [Text("another"), *rows["row-4"][1:]]})
        await pilot.pause()
        assert made_anew == [4]
        assert "another" in "".join(letter for letter, _ in drawn(keyed)[5])


async def test_rows_in_another_order_are_drawn_there() -> None:
    async with Tables().run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tables)
        keyed, measured = app.both
        rows = made(40)
        app.fill(rows)
        for table in app.both:
            table.move_cursor(row=2, animate=False)
        await pilot.pause()
        app.fill(dict(reversed(rows.items())))
        await pilot.pause()
        app.set_focus(None)
        await pilot.pause()
        assert keyed.selected_key == "row-2"
        assert drawn(keyed) == drawn(measured)


async def test_the_cursor_stays_on_its_line_when_its_row_and_a_column_are_gone() -> None:
    app = Tables()
    async with app.run_test() as pilot:
        table, _ = app.both
        table.set_columns(COLUMNS)
        rows = {key: [Text(key), Text(key), Text(key)] for key in "abcd"}
        table.put(rows)
        table.select("c")
        table.set_columns(COLUMNS[:2])
        table.put({key: cells[:2] for key, cells in rows.items() if key != "c"})
        await pilot.pause()
        assert table.selected_key == "d"


@pytest.mark.parametrize(
    ("label", "width", "headed"),
    [("size", 6, "size ↑"), ("losses", 7, "losses ↑"), ("margin", 6, "margin↑"), ("A, baseline", 4, "A ↑")],
)
def test_an_arrow_leaves_all_of_a_heading_that_fits_without_it(label: str, width: int, headed: str) -> None:
    assert sorted_by(Column("key", label, width), "↑").label == headed


class Hidden(App[None]):
    """A table that is hidden at first, beside another widget."""

    CSS = "Vertical, Static { height: auto; } KeyedTable { height: auto; display: none; }"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield KeyedTable()
            yield Static(id="other")


async def test_a_table_has_the_height_of_its_rows_whatever_is_laid_out_meanwhile() -> None:
    async with Hidden().run_test() as pilot:
        await settled(pilot)
        table, other = pilot.app.query_one(KeyedTable), pilot.app.query_one("#other")
        table.display = True
        table.set_columns(COLUMNS)
        table.put(made(5))
        # A layout that the other widget has requested, before the table has counted its rows.
        other.refresh(layout=True)
        other._check_refresh()
        pilot.app.screen._refresh_layout()
        await settled(pilot)
        assert table.size.height == 6


async def test_a_number_is_never_shown_without_its_digits_at_an_edge() -> None:
    columns = [Column("name", "name", 4), *(Column(key, key, 6, "right") for key in ("one", "two", "three"))]
    async with Tables().run_test(size=(18, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tables)
        table, _ = app.both
        table.cursor_type, table.fixed_columns = "row", 1
        await pilot.pause()
        assert not "".join(letter for letter, _ in drawn(table)[0]).strip(), "it has no columns yet"
        table.set_columns(columns)
        table.put({"a": [Text("a"), Text("111111"), Text("222222"), Text("333333")]})

        def lines() -> list[str]:
            return ["".join(letter for letter, _ in line).rstrip() for line in drawn(table)[:2]]

        await pilot.pause()
        assert lines() == [" name     one", " a     111111"]
        table.scroll_columns(1)
        await pilot.pause()
        assert lines() == [" name     two", " a     222222"]
        table.scroll_columns(1)
        await pilot.pause()
        # The last column ends at the edge.
        assert lines() == [" name       three", " a         333333"]
        table.scroll_columns(-1)
        table.scroll_columns(-1)
        await pilot.pause()
        assert lines() == [" name     one", " a     111111"]
