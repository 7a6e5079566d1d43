"""The win rates screen: its table in every state, and how all its views look."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.store import connections
from core.store.jobs import jobs
from tests.support.records import made_results
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import win_rate_workspace
from tests.support.workspaces.filled_workspace import HOSTILE, job_id
from tests.tui.conftest import Open
from tests.tui.screens.win_rates.win_rates_screen import (
    LENGTH_BIASED,
    column,
    open_win_rates,
    select,
    table,
)
from tui.app.application import EmpathyApp
from tui.components.keyed_table import KeyedTable


async def test_every_state_and_the_judges_worth(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_win_rates(pilot)
        for text in ("68.3 %", "56.4–78.3", "▶ running"):
            assert text in shown(pilot)
        await select(pilot, study, win_rate_workspace.UNFINISHED)
        await until_shows(pilot, "The win rate is shown once all verdicts are complete")
        await select(pilot, study, win_rate_workspace.FAILED)
        await until_shows(pilot, "␛[2J")
        assert "✗ failed" in shown(pilot)
        await select(pilot, study, win_rate_workspace.LENGTH_BIASED)
        await until_shows(pilot, "! Length affects this win rate")
        await select(pilot, study, win_rate_workspace.INVALID)
        await until_shows(pilot, "13 of 60 dialogues are invalid and left out")


async def test_sorting_by_each_column_and_back(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        order = column(pilot, "rate")
        await pilot.press(*["greater_than_sign"] * 4)
        await until_shows(pilot, "win rate ↓")
        rates = [float(text.strip("! %")) for text in column(pilot, "rate") if text != "—"]
        assert rates == sorted(rates, reverse=True)
        assert column(pilot, "rate")[len(rates) :] == ["—"] * 4, "what is not known comes last"
        await pilot.press("I")
        await until_shows(pilot, "win rate ↑")
        rates = [float(text.strip("! %")) for text in column(pilot, "rate") if text != "—"]
        assert rates == sorted(rates)
        assert column(pilot, "rate")[len(rates) :] == ["—"] * 4
        await pilot.press(*["greater_than_sign"] * 3)
        await until(pilot, lambda: column(pilot, "rate") == order)


async def test_the_filter_and_escape(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot, "slash", *"LLAMA gem")
        await until_shows(pilot, "2 of 21 comparisons")
        assert column(pilot, "judge") == ["gemini"] * 2
        await pilot.press("enter")
        await pilot.press("down")
        await until_shows(pilot, f"{LENGTH_BIASED} vs. smollm2")
        await pilot.press("slash", *"zzz")
        await until_shows(pilot, "0 of 21 comparisons")
        await pilot.press("escape")
        await until_shows(pilot, "21 comparisons")
        assert len(table(pilot).rows) == 21
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_grouping_by_student_method_and_judge(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 50)) as pilot:
        await open_win_rates(pilot, "question_mark")
        for text in (
            "Sort by the next column",
            "Group by student, method",
            "Show win rates of all responders",
        ):
            await until_shows(pilot, text)
        await pilot.press("escape", "b")
        await until_shows(pilot, "by student")
        assert [name for name in column(pilot, "b") if "finished" in name] == [
            "2 of 3 finished",
            "15 of 18 finished",
        ]
        await pilot.press("b")
        await until_shows(pilot, "by method")
        assert [line for line in column(pilot, "a") if line not in ("smollm2", "human")] == [
            "direct",
            "improve-human",
            "no run",
        ]
        await pilot.press("b")
        await until_shows(pilot, "by judge")
        table(pilot).move_cursor(row=0)
        await pilot.press("enter")
        await until_shows(pilot, "this row is a group")
        await pilot.press("b")
        await until(pilot, lambda: len(table(pilot).rows) == 21)


async def test_the_cursor_stays_on_its_comparison(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.LENGTH_BIASED)
        wanted = table(pilot).selected_key
        await pilot.press("greater_than_sign", "b", "b", "I")
        await pilot.resize_terminal(80, 24)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: table(pilot).selected_key == wanted)
        await until_shows(pilot, f"{LENGTH_BIASED} vs. smollm2")


async def test_a_win_rate_appears_when_its_last_verdict_is_in(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.UNFINISHED)
        await until_shows(pilot, "The win rate is shown once")
        result = made_results.compared(
            n=60, wins_a=20, wins_b=39, ties=1, win_rate_b=0.6583, ci_low=0.51, ci_high=0.78, p=0.02
        )
        job = job_id(study, "compare", win_rate_workspace.UNFINISHED)
        with closing(connections.writer(study.state)) as store, connections.transaction(store):
            jobs.set_state(store, job, "done", result=result)
        await until_shows(pilot, "65.8 %")
        assert table(pilot).selected_key == job


async def test_a_workspace_without_comparisons(opened: Open, prepared: WorkspacePaths) -> None:
    async with opened(prepared, (80, 24)) as pilot:
        await pilot.press("5")
        await until_shows(pilot, "There are no comparisons yet")
        assert "s superseded" in shown(pilot)
        await until(pilot, lambda: "d Detail" not in shown(pilot))
        await pilot.press("d")
        await until_shows(pilot, "no comparison is selected")
        for key, text in (("M", "no comparisons yet"), ("R", "No ranking yet"), ("J", "not measured yet")):
            await pilot.press(key)
            await until_shows(pilot, text)
        await pilot.press("escape")
        await until_shows(pilot, "There are no comparisons yet")


async def test_a_comparison_that_leaves_the_configuration(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.LENGTH_BIASED)
        await pilot.press("d")
        await until_shows(pilot, "words per response, B")
        config = study.config.read_text()
        study.config.write_text(config.replace('"direct/llama", ', ""))
        await until_shows(pilot, "This comparison is no longer in config.toml.")
        await pilot.press("escape")
        # The one that runs stays until it has ended.
        await until_shows(pilot, "16 comparisons")


async def test_hostile_text_is_harmless_everywhere(opened: Open, study: WorkspacePaths) -> None:
    hostile = "\\u001b[2J\\u202e[red]"
    with closing(connections.writer(study.state)) as store, connections.transaction(store):
        store.execute("UPDATE jobs SET result = replace(result, 'both orders', ?)", (hostile,))
        store.execute("UPDATE votes SET voter = ? WHERE voter = 'ann'", (HOSTILE,))
    async with opened(study, (60, 20)) as pilot:
        app = pilot.app
        await open_win_rates(pilot)
        for view in ("", *"dMRJ"):
            await pilot.press(*view)
            await until(pilot, lambda: any(t.rows and t.is_on_screen for t in app.screen.query(KeyedTable)))
            await pilot.press("down", "G", "up")
            assert not {"\x1b", "\u202e", "\x9b"} & set(shown(pilot)), view
            await pilot.press(*["escape"] * bool(view))


#: View → its key, and something that is on it once it has all that it shows.
VIEWS = {
    "detail": ("d", "length-controlled"),
    "matrix": ("M", "Δ+"),
    "ranking": ("R", "2 groups"),
    "judges": ("J", "agrees with people"),
}


@pytest.mark.parametrize(
    ("view", "size"),
    [
        *((view, (80, 24)) for view in ("table", *VIEWS)),
        *((view, (120, 40)) for view in ("table", "detail", "matrix")),
        ("table", (200, 60)),
    ],
    ids=lambda part: part if isinstance(part, str) else "x".join(map(str, part)),
)
def test_looks(
    snap_compare: Callable[..., bool], study: WorkspacePaths, view: str, size: tuple[int, int]
) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await open_win_rates(pilot)
        await until_shows(pilot, "Quit")
        await select(pilot, study, win_rate_workspace.LENGTH_BIASED)
        if view != "table":
            key, text = VIEWS[view]
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen.query(f"#{view}")) == 1)
            await until_shows(pilot, text)
        await settled(pilot)

    assert snap_compare(EmpathyApp(study), terminal_size=size, run_before=ready)
