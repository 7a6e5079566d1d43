"""A dialogue's history in the pairs screen: read across from base to sft to sft-dpo, filtered and marked."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.domain.evaluation.verdicts import Pair
from core.services.workspace import open_workspace
from tests.support.settling import drawn, settled, shown, until, until_shows
from tests.support.workspaces import finished_workspace
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.format import marked_text
from tui.navigation import pair_filter
from tui.navigation.messages import OpenPairs
from tui.screens.pairs.screen import PairsScreen

BASE, SFT, DPO = "small", f"{finished_workspace.RUN}/sft", f"{finished_workspace.RUN}/sft-dpo"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("judged") / "study")


@pytest.fixture(scope="module")
def runs(study: WorkspacePaths) -> list[Pair]:
    with open_workspace(study) as workspace:
        return list(workspace.evaluation.pairs(SFT, DPO))


async def open_history(pilot: Pilot[None], a: str, b: str) -> PairsScreen:
    """The history of the second dialogue, with these two as the pair."""
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    app.post_message(OpenPairs(a, b))
    await until_shows(pilot, f"B {b}")
    await pilot.press("n", "h")
    await until_shows(pilot, "responders answered")
    screen = app.screen
    assert isinstance(screen, PairsScreen)
    return screen


async def test_runs_are_read_across(opened: Open, study: WorkspacePaths, runs: list[Pair]) -> None:
    async with opened(study, (150, 40)) as pilot:
        await open_history(pilot, SFT, DPO)
        await until_shows(pilot, "direct/chatgpt")
        # Base, sft and sft-dpo of the shown recipe stand in one line, and so do their answers.
        line = next(line for line in shown(pilot).splitlines() if "base small" in line)
        assert line.index("base small") < line.index("A sft") < line.index("B sft-dpo")
        assert any(line.count("I hear you,") == 3 for line in shown(pilot).splitlines())
        await pilot.press("n")
        await until_shows(pilot, f"3/{len(runs)}")
        words = [len((text or "").split()) for text in (runs[2].response_a, runs[2].response_b)]
        await until_shows(pilot, f"A sft  {words[0]} words")
        await until_shows(pilot, f"B sft-dpo  {words[1]} words")
        # There and back at once: what is below belongs to what is above.
        await pilot.press("n", "p")
        await until_shows(pilot, "responders answered")
        await until_shows(pilot, f"B sft-dpo  {words[1]} words")
        await pilot.press("G")
        await until_shows(pilot, "In the data")
        await pilot.press("h")
        await until(pilot, lambda: "responders answered" not in shown(pilot))
        await until_shows(pilot, f"3/{len(runs)}")


async def test_runs_are_stacked_where_it_is_narrow(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (80, 24)) as pilot:
        await open_history(pilot, SFT, DPO)
        await pilot.press("g")
        seen = ""
        for _ in range(8):
            seen += shown(pilot)
            await pilot.press("down")
            await settled(pilot)
        lines = [line.strip() for line in seen.splitlines()]
        assert any(line.startswith("base small") for line in lines)
        assert any(line.startswith("A direct/chatgpt/sft ") for line in lines)
        assert any(line.startswith("B direct/chatgpt/sft-dpo ") for line in lines)
        assert not any("base small" in line and "sft" in line for line in lines)
        for size in ((60, 20), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await until_shows(pilot, "responders answered")


async def test_each_judges_outcome_against_the_base(opened: Open, study: WorkspacePaths) -> None:
    with open_workspace(study) as workspace:
        against_base = workspace.evaluation.pairs(BASE, DPO)[1]
    words = {"b": "✓ wins", "a": "✗ loses", "tie": "= tie", "invalid": "? invalid"}
    async with opened(study, (200, 60)) as pilot:
        await open_history(pilot, SFT, DPO)
        for judge, outcome in pair_filter.outcomes(against_base).items():
            await until_shows(pilot, f"{words[outcome]}  {judge}")


async def test_sides_are_chosen_from_the_history(
    opened: Open, study: WorkspacePaths, runs: list[Pair]
) -> None:
    llama = "small/direct/llama/sft"
    async with opened(study, (120, 40)) as pilot:
        screen = await open_history(pilot, SFT, DPO)
        await pilot.press("slash", *"LLAMA small", "enter")
        await until_shows(pilot, "/LLAMA small: 3 shown")
        assert "direct/chatgpt" not in _below(shown(pilot))
        await pilot.press("left", "left", "right", "a")
        await until_shows(pilot, "A sft")
        await pilot.press("right", "enter")
        await until_shows(pilot, f"A {llama} ")
        await until_shows(pilot, f"B {llama}-dpo ")
        # The same dialogue; and back, first from the filter, then from the history.
        await until_shows(pilot, f"2/{len(runs)}")
        await pilot.press("h")
        await until_shows(pilot, "3 shown")
        await pilot.press("escape")
        await until(pilot, lambda: "direct/chatgpt" in _below(shown(pilot)))
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one("#pair").display)


async def test_words_that_the_step_before_has_not_are_marked(
    opened: Open, study: WorkspacePaths, runs: list[Pair]
) -> None:
    sft, dpo = runs[1].response_a or "", runs[1].response_b or ""
    spans = marked_text.differing(dpo, sft)
    assert spans
    wanted = {word for start, end in spans for word in dpo[start:end].split()}
    async with opened(study, (150, 40)) as pilot:
        await open_history(pilot, SFT, DPO)
        await until_shows(pilot, "B sft-dpo")
        assert not wanted & _underlined(pilot.app)
        await pilot.press("w")
        await until_shows(pilot, "marked: words that are new against the previous step")
        await until(pilot, lambda: wanted <= _underlined(pilot.app))


async def test_hostile_answers_are_harmless(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_history(pilot, BASE, DPO)
        await pilot.press("p", "w")
        await until_shows(pilot, "1/40")
        for key in ("G", "g", "w"):
            await pilot.press(key)
            await settled(pilot)
            assert not {"\x1b", "\u202e", "\x00"} & set(shown(pilot))


def _underlined(app: App[None]) -> set[str]:
    """The words on the screen that are underlined."""
    return {
        word
        for line in drawn(app)
        for segment in line
        if segment.style is not None and segment.style.underline
        for word in segment.text.split()
    }


def _below(text: str) -> str:
    """What stands below the line that counts the responders."""
    return text.partition("responders answered")[2]
