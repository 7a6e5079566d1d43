"""Teachers' responses with a flaw, and pairs that a judge drops: counted, listed with reason and text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.config.workspace import WorkspacePaths
from core.services.workspace import open_workspace
from tests import loopback
from tests.cli.conftest import end_processes
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.settling import shown, until, until_shows
from tests.support.workspaces.judged_workspace import JUDGE
from tests.support.workspaces.teacher_workspace import TeacherWorkspace
from tests.tui.conftest import Open
from tui.screens.data.dialogue_list import DialogueList
from tui.screens.data.flaws_view import FlawsView

_REFUSAL = "I cannot help with that."
_META = "[bold]I see.[/] This shows affective empathy."


def _answer(text: str) -> str | None:
    """What the teacher says: to two dialogues something flawed."""
    if "number 1 of" in text:
        return f"say:{_REFUSAL}"
    return f"say:{_META}" if "number 2 of" in text else None


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspacePaths]:
    root = tmp_path_factory.mktemp("flawed")
    with loopback.running() as api:
        api.faults.content = _answer
        made = TeacherWorkspace(root, api.url, mode="live", dialogues=synthetic_dialogues(rows=8))
        config = made.workspace.config
        config.write_text(config.read_text().replace("[slots]", 'leave_out = ["refusal"]\n[slots]'))
        made.run()
    yield made.workspace
    end_processes(root)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_flaws_are_counted_and_listed(
    opened: Open, study: WorkspacePaths, size: tuple[int, int]
) -> None:
    async with opened(study, size) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–8 of 8")
        await pilot.press("v", "v")
        await until_shows(pilot, "left out: refusal (recipes.leave_out")
        await until_shows(pilot, "improve-human/naive")
        flawed = pilot.app.screen.query_one(FlawsView)
        await until_shows(pilot, "left out  made:1")
        await pilot.press("enter")
        await until_shows(pilot, _REFUSAL)
        await until_shows(pilot, "the teacher refuses to answer · left out")
        await pilot.press("n")
        await until_shows(pilot, "meta talk · it talks about the response instead of giving one")
        assert _META in shown(pilot)
        await pilot.press("n")
        await until_shows(pilot, "this is the last response")
        # Only those that are left out.
        await pilot.press("slash", *"left")
        await until_shows(pilot, "/left: 1 of 2")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: flawed.query_one("#flawed-recipes KeyedTable").has_focus)
        await pilot.press("enter", "down", "o")
        await until(pilot, lambda: not flawed.display)
        line = pilot.app.screen.query_one(DialogueList).line
        assert line is not None
        assert line.dialog_id == "made:2"


async def test_without_a_recipe_that_is_made(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (80, 24)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–48 of 48")
        await pilot.press("v", "v")
        await until_shows(pilot, "No recipe with a teacher is done yet")
        await pilot.press("v")
        await until(pilot, lambda: not pilot.app.screen.query_one(FlawsView).display)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspacePaths]:
    """A workspace whose judge prefers the response that is shown second."""
    root = tmp_path_factory.mktemp("filtered")
    with loopback.running() as api:
        judge = JUDGE.format(name="gpt", url=api.url, mode="live", more="swap = false")
        api.faults.content = lambda text: "say:1" if "number 1 of" in text else "say:2"
        made = TeacherWorkspace(
            root, api.url, ["direct/chatgpt"], more=judge, dialogues=synthetic_dialogues(rows=48)
        )
        config = made.workspace.config
        config.write_text(config.read_text().replace("[slots]", 'filter_judge = "gpt"\n[slots]'))
        made.run("filter")
    yield made.workspace
    end_processes(root)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_dropped_pairs_are_counted_and_listed(
    opened: Open, filtered: WorkspacePaths, size: tuple[int, int]
) -> None:
    with open_workspace(filtered) as workspace:
        (pair,) = workspace.data.dropped_pairs("direct/chatgpt")
        (recipe,) = (one for one in workspace.data.recipes() if one.filtered is not None)
    assert recipe.filtered is not None
    async with opened(filtered, size) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–48 of 48")
        await pilot.press("v", "v")
        await until_shows(pilot, "preference pairs dropped by gpt")
        await until_shows(pilot, f"1 ({recipe.filtered.dropped_share:.1%}".replace("%", " %)"))
        await until_shows(pilot, f"rejected preferred  dropped   {pair.dialog_id}")
        await pilot.press("enter")
        await until_shows(pilot, "the judge prefers the rejected response")
        await until_shows(pilot, "chosen response scores 0.00")
        await until_shows(pilot, f"chosen: {pair.chosen[:20]}")
