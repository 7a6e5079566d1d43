"""The views of the win rates screen: detail, matrix, ranking, judges and recipes."""

from __future__ import annotations

from contextlib import closing

import pytest
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from core.services.workspace import open_workspace
from core.store import connections
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import win_rate_workspace
from tests.support.workspaces.filled_workspace import job_id
from tests.tui.conftest import Open
from tests.tui.screens.win_rates.win_rates_screen import (
    DPO,
    LENGTH_BIASED,
    column,
    lines,
    open_win_rates,
    select,
    table,
)
from tui.screens.pairs.screen import PairsScreen
from tui.screens.win_rates.detail_view import DetailView
from tui.screens.win_rates.matrix_view import MatrixView
from tui.screens.win_rates.table.table_view import RatesView


async def test_the_detail_in_words(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (200, 60)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.LENGTH_BIASED)
        await pilot.press("d")
        await until_shows(pilot, "By sentiment")
        job = job_id(study, "compare", win_rate_workspace.LENGTH_BIASED)
        with open_workspace(study) as workspace:
            rate = workspace.evaluation.comparison(job).rate
        for text in (
            f"{LENGTH_BIASED} vs. smollm2",
            "! Length affects this win rate",
            "Judge gpt-4o agrees with human ratings on 74 %",
            "the judge was given both orders",
            "the judge gives no log-probabilities",
            "of the verdicts with a winner",
            rate.fingerprint[:10],
        ):
            assert text in shown(pilot), text
        assert rate.words_b is not None
        words = lines(pilot, "words per response, B")[0]
        assert f"{rate.words_b:.1f}" in words
        assert "the prompt allows 97" in words
        few = lines(pilot, "30–39 ")[0]
        assert "~ " in few, "a cell of few dialogues says so"
        assert "few: " in few
        await pilot.press("G")
        await until(pilot, lambda: bool(table(pilot).selected_key))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PairsScreen))
        await until_shows(pilot, f"B {LENGTH_BIASED}")
        # The row is about some of the pairs: the first Escape shows all, the second steps back.
        await until_shows(pilot, "B has")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: bool(pilot.app.screen.query(DetailView)))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.query_one(RatesView).display)


async def test_the_detail_of_an_invalid_heavy_comparison(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.INVALID)
        await pilot.press("d")
        await until_shows(pilot, "words per response, B")
        # 26 wins and half of 9 ties of the 47 valid ones; the 13 invalid ones could be anybody's wins.
        raw = lines(pilot, "raw ")[0]
        assert "64.9 %" in raw
        bounds = lines(pilot, "bounds by invalid ")[0]
        assert "50.8–72.5" in bounds
        assert "! if A, or B, had won all" in bounds


@pytest.mark.parametrize("size", [(120, 40), (150, 40)])
async def test_a_note_is_shown_in_full_and_stays_with_its_metric(
    opened: Open, study: WorkspacePaths, size: tuple[int, int]
) -> None:
    async with opened(study, size) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.INVALID)
        await pilot.press("d")
        await until_shows(pilot, "words per response, B")
        await settled(pilot)

        keys = [str(key.value) for key in table(pilot).rows]
        raw = [key for key in keys if key.partition(".")[0] == "1"]
        await pilot.press("I")
        await settled(pilot)
        reversed_keys = [str(key.value) for key in table(pilot).rows]
        at = reversed_keys.index(raw[0])
        assert reversed_keys[at : at + len(raw)] == raw
        widths = {column.key: column.width for column in table(pilot)._shown_columns}
        assert all(len(str(table(pilot).get_cell(key, "note"))) <= widths["note"] for key in keys)


async def test_a_detail_that_is_not_known_yet(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot)
        await select(pilot, study, win_rate_workspace.FAILED)
        await pilot.press("d")
        await until_shows(pilot, "the provider refused")
        await until_shows(pilot, "verdicts are incomplete")
        for name in ("raw ", "B wins ", "p ", "prefers first ", "words per response, B "):
            assert "—" in lines(pilot, name)[0], name


async def test_the_matrix_tells_meetings_from_paired_differences(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot, "M")
        await until_shows(pilot, "Δ+")
        found = table(pilot)
        names = [str(row.value) for row in found.rows]
        assert names[:2] == ["smollm2", "smollm2/direct/chatgpt/sft"]
        assert found.get_cell(DPO, "smollm2").plain == "87.5*"
        assert found.get_cell("smollm2", DPO).plain == "12.5*"
        assert found.get_cell("smollm2", "human").plain == "·"
        paired = found.get_cell("smollm2/direct/llama/sft", DPO).plain
        assert paired.startswith("Δ-")
        assert found.get_cell(DPO, "smollm2/direct/llama/sft").plain == paired.replace("-", "+")
        await pilot.press("down", "down")
        await until_shows(pilot, f"Direct: win rate of {DPO} 87.5 % against smollm2. 51 wins, 6 losses, 3")
        await pilot.press("right")
        await until_shows(pilot, "Paired over the common baseline smollm2")
        await pilot.press("n")
        await until_shows(pilot, "judge gemini")
        await until_shows(pilot, "gemini: its agreement with people was not measured")
        assert found.get_cell(LENGTH_BIASED, "smollm2").plain == "—", "they meet, and it is not finished"


async def test_from_a_cell_to_its_pairs_and_its_detail(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_win_rates(pilot, "M")
        await until_shows(pilot, "Δ+")
        await pilot.press("enter")
        await until_shows(pilot, "select a cell of two responders")
        await pilot.press("down", "down", "d")
        await until_shows(pilot, f"{DPO} vs. smollm2   ")
        await pilot.press("M")
        await until(pilot, lambda: pilot.app.screen.query_one(MatrixView).display)
        await pilot.press("enter")
        await until_shows(pilot, f"B {DPO}")


async def test_the_matrix_scrolls_both_ways(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_win_rates(pilot, "M")
        await until_shows(pilot, "Δ+")
        found = table(pilot)
        await pilot.press("end", "G")
        await until_shows(pilot, "chatgpt vs. chatgpt")
        assert lines(pilot, "9 chatgpt")
        await pilot.press("home")
        await until(pilot, lambda: found.cursor_column == 1)


async def test_the_ranking_and_its_groups(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot, "R")
        await until_shows(pilot, "2 groups without any common comparison")
        names = [text for text in column(pilot, "responder") if not text.startswith("group ")]
        assert names[0].endswith("chatgpt/sft-dpo")
        assert "Judge gpt-4o agrees with human ratings on 74 %" in shown(pilot)
        await pilot.press("n")
        await until_shows(pilot, "Ranking by gemini")
        assert "without any common comparison" not in shown(pilot)
        assert table(pilot).select(DPO)
        await pilot.press("enter")
        await until_shows(pilot, f"B {DPO}")
        await pilot.press("escape")
        await until_shows(pilot, "Ranking by gemini")
        # The base student met three.
        assert table(pilot).select("smollm2")
        await pilot.press("enter")
        await until_shows(pilot, "Open the pairs of which comparison?")
        await pilot.press(*"llama", "enter")
        await until_shows(pilot, "B smollm2/direct/llama/sft")


async def test_the_judges_judged(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (200, 60)) as pilot:
        await open_win_rates(pilot, "J")
        await until_shows(pilot, "Votes of people")
        assert "openai gpt-4o, both orders" in lines(pilot, "gpt-4o ")[0]
        assert "73.5 %" in lines(pilot, "agrees with people")[0]
        assert "not measured: `empathy-tui judge validate gemini`" in lines(pilot, "agrees with people")[1]
        assert "57.1 %" in lines(pilot, "agrees with people")[2]
        assert "in one order" in lines(pilot, "prefers first")[1]
        assert len(lines(pilot, "kappa")) == 10
        assert "24 " in lines(pilot, "smollm")[0]
        assert "48 votes of ann, ben" in lines(pilot, "smollm")[0]
        # The models take longest, and are below the rest.
        await until(pilot, lambda: "Biases of gpt-4o" in column(pilot, "name"))
        names = [name.strip() for name in column(pilot, "name")]
        voted = next(number for number, name in enumerate(names) if name.startswith("smollm"))
        table(pilot).move_cursor(row=voted)
        await pilot.pause()
        await pilot.press("enter")
        await until_shows(pilot, f"B {DPO}")


async def test_the_recipes(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_win_rates(pilot, "B")
        await until_shows(pilot, "Win rates of recipes over the base students")
        names = [name.strip() for name in column(pilot, "name")]
        with open_workspace(study) as workspace:
            found = workspace.evaluation.recipe_rates()
        assert found
        assert len([name for name in names if name == "overall"]) == len(found)
        first = next(number for number, name in enumerate(names) if name == "overall")
        assert "%" in column(pilot, "value")[first]
        table(pilot).move_cursor(row=first)
        await pilot.pause()
        await pilot.press("enter")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, PairsScreen) or len(pilot.app.screen_stack) > 1
        )


async def test_votes_that_come_are_seen_on_coming_back(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (200, 60)) as pilot:
        await open_win_rates(pilot, "J")
        await until_shows(pilot, "48 votes of ann, ben")
        with closing(connections.writer(study.state)) as store, connections.transaction(store):
            store.execute("DELETE FROM votes WHERE voter = 'ben'")
        await pilot.press("1", "5")
        await until_shows(pilot, "24 votes of ann")


async def test_the_cursor_begins_on_a_metric(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (110, 34)) as pilot:
        await open_win_rates(pilot, "J")
        # The note on the judge takes two lines.
        await until_shows(pilot, "both orders")
        await settled(pilot)
        cursor = table(pilot)
        assert str(cursor.get_row_at(cursor.cursor_row)[0]).strip() == "agrees with people"


async def test_a_judge_is_validated_on_a_number_of_pairs(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_win_rates(pilot)
        await pilot.press("A")
        await until_shows(pilot, "Validate the judge")
        await pilot.press(*"gemini", "enter")
        await until_shows(pilot, "should gemini be validated?")
        await pilot.press(*"many", "enter")
        await until_shows(pilot, "'many' is not a number of pairs")
        assert pilot.app.screen.query_one(Input).value == "many", "what was typed is there to be corrected"
