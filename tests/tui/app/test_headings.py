"""A click on the heading of any table of any screen sorts it, or says that it can't."""

from __future__ import annotations

from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown
from tests.tui.conftest import Open
from tui.components.keyed_table import KeyedTable
from tui.components.sorting import UNSORTED
from tui.navigation.bindings import SCREENS

#: The keys that open all views of a screen, one after the other.
_VIEWS = {
    "win_rates": ("d", "escape", "M", "R", "B", "J"),
    "data": ("v", "v"),
    "training": ("v",),
    "batches": ("enter", "enter"),
}

_NO_VALUES = {"bar", "mark", "count", "flaw", "text", "utterance"}


def _tables(pilot: Pilot[None]) -> list[KeyedTable]:
    """The tables that are shown with their headings."""
    found = [table for table in pilot.app.screen.query(KeyedTable).results() if table.show_header]
    return [table for table in found if table.region.height > 1 and table.row_count]


async def _click_headings(pilot: Pilot[None], table: KeyedTable) -> dict[str, tuple[str, str]]:
    """What the screen showed before and after a click on each heading."""
    answers = {}
    for column in list(table._shown_columns):
        now = [one.key for one in table._shown_columns]
        at = now.index(column.key)
        x = sum(one.width + 2 for one in table._shown_columns[:at]) + 1
        if x >= table.region.width:
            continue
        before = shown(pilot)
        await pilot.click(table, offset=(x, 0))
        await settled(pilot)
        answers[column.key] = before, shown(pilot)
        pilot.app.clear_notifications()
        await settled(pilot)
    return answers


async def test_every_heading_answers_a_click(opened: Open, filled: WorkspacePaths) -> None:
    sorted_by, refused = set[str](), set[str]()
    async with opened(filled, (150, 44)) as pilot:
        for mode, key, _ in SCREENS:
            await pilot.press(key)
            await settled(pilot)
            for view in ("", *_VIEWS.get(mode, ())):
                if view:
                    await pilot.press(view)
                    await settled(pilot)
                for table in _tables(pilot):
                    where = f"{mode} {view} {table.id or type(table.parent).__name__}".strip()
                    if table.cursor_type == "cell":
                        await pilot.click(table, offset=(table.region.width // 2, 0))
                        await settled(pilot)
                        assert table.cursor_column > 1, f"a click on a heading of {where} does nothing"
                        continue
                    for column, (before, after) in (await _click_headings(pilot, table)).items():
                        assert before != after, f"a click on {column} of {where} does nothing"
                        (refused if UNSORTED in after else sorted_by).add(f"{where}: {column}")
    walked = {one.partition(":")[0] for one in sorted_by | refused}
    assert len(walked) >= 12, walked
    # Columns whose cells are no values.
    assert {one.rpartition(" ")[2] for one in refused} <= _NO_VALUES, refused
