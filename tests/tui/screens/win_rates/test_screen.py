"""The win rates screen: table, detail, matrix, ranking and judges, and the way from a number to its pairs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.services.workspace import open_workspace
from core.store import connections, jobs
from tests.support import made_results, win_rate_workspace
from tests.support.filled_workspace import HOSTILE, job_id
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.components.keyed_table import KeyedTable
from tui.screens.pairs.screen import PairsScreen
from tui.screens.win_rates.detail_view import DetailView
from tui.screens.win_rates.matrix_view import MatrixView
from tui.screens.win_rates.table_view import RatesView

PARTED = "smollm2/direct/llama/sft-dpo"
DPO = "smollm2/direct/chatgpt/sft-dpo"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: its results take seconds."""
    return win_rate_workspace.make(tmp_path_factory.mktemp("judged") / "study").root


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(made, tmp_path / "study")
    return WorkspacePaths(tmp_path / "study")


def lines(pilot: Pilot[None], start: str) -> list[str]:
    """The screen's lines that begin so, but for blanks and a warning's mark."""
    return [line for line in shown(pilot).splitlines() if line.lstrip(" !").startswith(start)]


def table(pilot: Pilot[None]) -> KeyedTable:
    """The one that is shown."""
    return next(found for found in pilot.app.screen.query(KeyedTable) if found.is_on_screen)


def column(pilot: Pilot[None], key: str) -> list[str]:
    found = table(pilot)
    return [found.get_cell(row, key).plain for row in found.rows]


async def open_room(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press("5")
    await until_shows(pilot, "Judge: gpt-4o: agrees with human ratings on 74%")
    await pilot.press(*keys)


async def select(pilot: Pilot[None], workspace: WorkspacePaths, comparison: str) -> None:
    assert table(pilot).select(job_id(workspace, "compare", comparison))
    await pilot.pause()


async def test_every_state_and_the_judges_worth(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_room(pilot)
        for text in ("68.3 %", "56.4–78.3", "▶ running", "✗ failed"):
            assert text in shown(pilot)
        await select(pilot, study, win_rate_workspace.UNFINISHED)
        await until_shows(pilot, "The win rate is shown once all verdicts are complete")
        await select(pilot, study, win_rate_workspace.FAILED)
        await until_shows(pilot, "␛[2J")
        await select(pilot, study, win_rate_workspace.PARTED)
        await until_shows(pilot, "! Length affects this win rate")
        await select(pilot, study, win_rate_workspace.INVALID)
        await until_shows(pilot, "13 of 60 dialogues are invalid and left out")


async def test_sorting_by_each_column_and_back(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot)
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
        await open_room(pilot, "slash", *"LLAMA gem")
        await until_shows(pilot, "2 of 21 comparisons")
        assert column(pilot, "judge") == ["gemini"] * 2
        await pilot.press("enter")
        await pilot.press("down")
        await until_shows(pilot, f"{PARTED} vs. smollm2")
        await pilot.press("slash", *"zzz")
        await until_shows(pilot, "0 of 21 comparisons")
        await pilot.press("escape")
        await until_shows(pilot, "21 comparisons")
        assert len(table(pilot).rows) == 21
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_grouping_by_student_method_and_judge(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 50)) as pilot:
        await open_room(pilot, "question_mark")
        for text in ("Sort by the next column", "Group by student, method", "Show all pairs of responders"):
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
        await open_room(pilot)
        await select(pilot, study, win_rate_workspace.PARTED)
        wanted = table(pilot).selected_key
        await pilot.press("greater_than_sign", "b", "b", "I")
        await pilot.resize_terminal(80, 24)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: table(pilot).selected_key == wanted)
        await until_shows(pilot, f"{PARTED} vs. smollm2")


async def test_a_win_rate_appears_when_its_last_verdict_is_in(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot)
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


async def test_the_detail_in_words(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (200, 60)) as pilot:
        await open_room(pilot)
        await select(pilot, study, win_rate_workspace.PARTED)
        await pilot.press("d")
        await until_shows(pilot, "By sentiment")
        job = job_id(study, "compare", win_rate_workspace.PARTED)
        with open_workspace(study) as workspace:
            rate = workspace.evaluation.comparison(job).rate
        for text in (
            f"{PARTED} vs. smollm2",
            "! Length affects this win rate",
            "Judge: gpt-4o: agrees with human ratings on 74%",
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
        await until_shows(pilot, f"B {PARTED}")
        # The row is about some of the pairs: the first Escape shows all, the second steps back.
        await until_shows(pilot, "B has")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: bool(pilot.app.screen.query(DetailView)))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.query_one(RatesView).display)


async def test_the_detail_of_an_invalid_heavy_comparison(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot)
        await select(pilot, study, win_rate_workspace.INVALID)
        await pilot.press("d")
        await until_shows(pilot, "By emotion")
        # 26 wins and half of 9 ties of the 47 valid ones; the 13 invalid ones could be anybody's wins.
        raw = lines(pilot, "raw ")[0]
        assert "64.9 %" in raw
        bounds = lines(pilot, "bounds by invalid ")[0]
        assert "50.8–72.5" in bounds
        assert "! if A, or B, had won all" in bounds


async def test_a_detail_that_is_not_known_yet(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot)
        await select(pilot, study, win_rate_workspace.FAILED)
        await pilot.press("d")
        await until_shows(pilot, "the provider refused")
        await until_shows(pilot, "verdicts are incomplete")
        for name in ("raw ", "B wins ", "p ", "first position wins ", "words per response, B "):
            assert "—" in lines(pilot, name)[0], name


async def test_the_matrix_tells_meetings_from_paired_differences(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot, "x")
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
        assert found.get_cell(PARTED, "smollm2").plain == "—", "they meet, and it is not finished"


async def test_from_a_cell_to_its_pairs_and_its_detail(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_room(pilot, "x")
        await until_shows(pilot, "Δ+")
        await pilot.press("enter")
        await until_shows(pilot, "select a cell of two responders")
        await pilot.press("down", "down", "d")
        await until_shows(pilot, f"{DPO} vs. smollm2   ")
        await pilot.press("x")
        await until(pilot, lambda: pilot.app.screen.query_one(MatrixView).display)
        await pilot.press("enter")
        await until_shows(pilot, f"B {DPO}")


async def test_the_matrix_scrolls_both_ways(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_room(pilot, "x")
        await until_shows(pilot, "Δ+")
        found = table(pilot)
        await pilot.press("end", "G")
        await until_shows(pilot, "chatgpt vs. chatgpt")
        assert lines(pilot, "9 chatgpt")
        await pilot.press("home")
        await until(pilot, lambda: found.cursor_column == 1)


async def test_the_ranking_and_its_groups(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot, "r")
        await until_shows(pilot, "2 groups without any common comparison")
        names = [text for text in column(pilot, "responder") if not text.startswith("group ")]
        assert names[0].endswith("chatgpt/sft-dpo")
        assert "Judge: gpt-4o: agrees with human ratings on 74%" in shown(pilot)
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
        await open_room(pilot, "J")
        await until_shows(pilot, "Votes of people")
        assert "openai gpt-4o, both orders" in lines(pilot, "gpt-4o ")[0]
        assert "73.5 %" in lines(pilot, "agrees with people")[0]
        assert "not measured: `empathy-tui judge validate gemini`" in lines(pilot, "agrees with people")[1]
        assert "57.1 %" in lines(pilot, "agrees with people")[2]
        assert "in one order" in lines(pilot, "first position wins")[1]
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
        await open_room(pilot, "R")
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
        await open_room(pilot, "J")
        await until_shows(pilot, "48 votes of ann, ben")
        with closing(connections.writer(study.state)) as store, connections.transaction(store):
            store.execute("DELETE FROM votes WHERE voter = 'ben'")
        await pilot.press("1", "5")
        await until_shows(pilot, "24 votes of ann")


async def test_a_workspace_without_comparisons(opened: Open, prepared: WorkspacePaths) -> None:
    async with opened(prepared, (80, 24)) as pilot:
        await pilot.press("5")
        await until_shows(pilot, "There are no comparisons yet")
        await pilot.press("d")
        await until_shows(pilot, "no comparison is selected")
        for key, text in (("x", "no comparisons yet"), ("r", "No ranking yet"), ("J", "not measured yet")):
            await pilot.press(key)
            await until_shows(pilot, text)
        await pilot.press("escape")
        await until_shows(pilot, "There are no comparisons yet")


async def test_a_comparison_that_leaves_the_configuration(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_room(pilot)
        await select(pilot, study, win_rate_workspace.PARTED)
        await pilot.press("d")
        await until_shows(pilot, "By emotion")
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
        await open_room(pilot)
        for view in ("", *"dxrJ"):
            await pilot.press(*view)
            await until(pilot, lambda: any(t.rows and t.is_on_screen for t in app.screen.query(KeyedTable)))
            await pilot.press("down", "G", "up")
            assert not {"\x1b", "\u202e", "\x9b"} & set(shown(pilot)), view
            await pilot.press(*["escape"] * bool(view))


#: View → its key, and something that is on it once it has all that it shows.
VIEWS = {
    "detail": ("d", "By sentiment"),
    "matrix": ("x", "Δ+"),
    "ranking": ("r", "2 groups"),
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
        await open_room(pilot)
        await until_shows(pilot, "Quit")
        await select(pilot, study, win_rate_workspace.PARTED)
        if view != "table":
            key, text = VIEWS[view]
            await pilot.press(key)
            await until(pilot, lambda: len(app.screen.query(f"#{view}")) == 1)
            if view == "detail" and size[1] < 40:
                text = "length-controlled"
            await until_shows(pilot, text)
        await settled(pilot)

    assert snap_compare(EmpathyApp(study), terminal_size=size, run_before=ready)
