"""The data screen: dialogues browsed, filtered, sorted and paged; charts; the way to pairs and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from core.services.creation.workspace_creation import create_workspace
from core.services.workspace import open_workspace
from core.store import connections
from core.store.dialogues import dialogues as data
from tests.support.records.synthetic_dialogues import rating, synthetic_dialogues
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.navigation.messages import OpenDialogue
from tui.screens.data.dialogue_list import DialogueList
from tui.screens.data.screen import DataScreen
from tui.screens.pairs.screen import PairsScreen

ROWS = 240


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    """More dialogues than a page has."""
    return _imported(tmp_path_factory.mktemp("browsed") / "study", synthetic_dialogues(ROWS))


@pytest.fixture(scope="module")
def dialogues(study: WorkspacePaths) -> list[Dialogue]:
    with open_workspace(study) as workspace:
        return workspace.data.dialogues()


def _imported(root: Path, dialogues: list[Dialogue]) -> WorkspacePaths:
    workspace = create_workspace(root)
    imported = staging.describe(dialogues, "made.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
    return workspace


async def open_data(pilot: Pilot[None]) -> DataScreen:
    await pilot.press("3")
    await until_shows(pilot, "1–100 of 240")
    screen = pilot.app.screen
    assert isinstance(screen, DataScreen)
    return screen


async def test_without_data_there_is_nothing_to_filter(opened: Open, prepared: WorkspacePaths) -> None:
    async with opened(prepared, (80, 24)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "There is no data yet")
        # The line of keys offers only what does something.
        await until(pilot, lambda: shown(pilot).splitlines()[-1].startswith(" v View  ^p Commands"))
        await pilot.press("f")
        await until_shows(pilot, "there are no dialogues to filter yet")
        dialogues = synthetic_dialogues(12)
        imported = staging.describe(dialogues, "dialogues.csv", "0" * 64)
        with closing(connections.writer(prepared.state)) as store, connections.transaction(store):
            data.replace(store, imported, dialogues)
        await until_shows(pilot, "1–12 of 12")
        await until_shows(pilot, "f Filter")


def selected(pilot: Pilot[None]) -> str:
    line = pilot.app.screen.query_one(DialogueList).line
    return "" if line is None else line.dialog_id


async def until_selected(pilot: Pilot[None], dialogue: Dialogue) -> None:
    """Wait until the cursor is on a dialogue, and it is shown in full."""
    await until(pilot, lambda: selected(pilot) == dialogue.dialog_id)
    await until_shows(pilot, f"{dialogue.dialog_id}   {dialogue.split}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_dialogue_is_read_with_its_responses_and_ratings(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue], size: tuple[int, int]
) -> None:
    async with opened(study, size) as pilot:
        screen = await open_data(pilot)
        await until_selected(pilot, dialogues[0])
        await pilot.press("down", "down")
        await until_selected(pilot, dialogues[2])
        await pilot.press("enter")
        await until(pilot, lambda: getattr(pilot.app.focused, "id", None) != "dialogue")
        seen = ""
        for _ in range(12):
            seen += shown(pilot)
            await pilot.press("pagedown")
            await settled(pilot)
        for source, response in dialogues[2].responses.items():
            assert source in seen
            assert {1: "○ 1 bad", 2: "◐ 2 okay", 3: "● 3 good"}[rating(dialogues[2], source)] in seen
            assert response.text.split(".")[0] in " ".join(seen.split())
        # The next one without going back to the list.
        await pilot.press("n")
        await until_selected(pilot, dialogues[3])
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one("DialogueList KeyedTable").has_focus)


async def test_pages_follow_each_other(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "101–200 of 240")
        await until_selected(pilot, dialogues[100])
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "201–240 of 240")
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "there is no page after this one")
        # The cursor goes over a page's end as if there were none.
        await pilot.press("up")
        await until_shows(pilot, "101–200 of 240")
        await until_selected(pilot, dialogues[199])
        await pilot.press("down")
        await until_selected(pilot, dialogues[200])
        await pilot.press("left_square_bracket")
        await until_selected(pilot, dialogues[199])


async def test_filters_by_emotion_split_and_ratings(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    poor = [d for d in dialogues if d.split == "train" and rating(d, "human") < 3]
    strict = [d for d in poor if d.responses["chatgpt"].rating == 3]
    one = [d for d in strict if d.emotion == strict[-1].emotion]
    assert 0 < len(one) < len(strict) < 100 < len(poor)
    async with opened(study, (100, 30)) as pilot:
        await open_data(pilot)
        await pilot.press("f")
        await until_shows(pilot, "240 of 240 dialogues")
        # Emotion, split, any response, human, chatgpt.
        await pilot.press("down", "right", "down", "down", *(["right"] * 4))
        await until_shows(pilot, f"{len(poor)} of 240 dialogues")
        await pilot.press("down", "enter", *"3 go", "enter")
        await until_shows(pilot, f"{len(strict)} of 240 dialogues")
        await pilot.press("G", "enter")
        words = "train, human 1 or 2, chatgpt 3 good"
        await until_shows(pilot, f"1–{len(strict)} of {len(strict)} (all: 240)  ·  {words}")
        await until_selected(pilot, strict[0])
        await pilot.press("m", *one[0].emotion, "enter")
        await until_shows(pilot, f"1–{len(one)} of {len(one)} (all: 240)  ·  train, emotion {one[0].emotion}")
        # The dialog shows what is chosen, and leaves it as it was.
        await pilot.press("f")
        await until_shows(pilot, f"{len(one)} of 240 dialogues")
        await pilot.press("ctrl+r")
        await until_shows(pilot, "240 of 240 dialogues")
        await pilot.press("escape", "escape")
        await until_shows(pilot, "1–100 of 240")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_search_looks_into_all_texts_of_all_pages(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    wanted = dialogues[230]
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        await pilot.press("slash", *"NUMBER 230 ")
        await until_shows(pilot, "1–1 of 1 (all: 240)  ·  with “NUMBER 230”")
        await until_selected(pilot, wanted)
        # The same dialogues, but for other words.
        await pilot.press(*"of t")
        await until_shows(pilot, "with “NUMBER 230 of t”")
        await pilot.press(*"nowhere", "enter")
        await until_shows(pilot, "None of 240")
        await until_shows(pilot, "Esc clears")
        await pilot.press("escape")
        await until_shows(pilot, "1–100 of 240")


async def test_sorting_by_split_emotion_and_a_sources_rating(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        await pilot.press("greater_than_sign")
        await until_shows(pilot, "by split")
        await until_selected(pilot, next(d for d in dialogues if d.split == "test"))
        await pilot.press("greater_than_sign")
        await until_selected(pilot, min(dialogues, key=lambda d: d.emotion))
        await pilot.press("greater_than_sign", "I")
        await until_shows(pilot, "by human's rating, reversed")
        await until_selected(pilot, max(dialogues, key=lambda d: rating(d, "human")))
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign", "I")
        await until_selected(pilot, dialogues[-1])


async def test_from_a_test_dialogue_to_its_pair_and_back(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    test = [dialogue for dialogue in dialogues if dialogue.split == "test"]
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        await pilot.press("down", "o")
        await until_shows(pilot, "this is a train dialogue")
        await pilot.press("slash", *test[40].dialog_id, "enter")
        await until_selected(pilot, test[40])
        await pilot.press("o")
        # Nobody chose, and no student has answered: two sources.
        await until_shows(pilot, "A human")
        await until_shows(pilot, f"41/60  {test[40].dialog_id}")
        assert isinstance(pilot.app.screen, PairsScreen)
        # Through the filter that hides it.
        await pilot.press("n", "o")
        await until_selected(pilot, test[41])
        await until_shows(pilot, "101–200 of 240")


async def test_a_missing_dialogue_is_reported(opened: Open, study: WorkspacePaths) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        app.post_message(OpenDialogue("made:9999"))
        await until_shows(pilot, "there is no dialogue made:9999")


async def test_data_that_is_imported_meanwhile_is_shown(opened: Open, tmp_path: Path) -> None:
    workspace = _imported(tmp_path / "study", synthetic_dialogues(48))
    async with opened(workspace, (120, 40)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–48 of 48")
        await pilot.press("down", "down")
        changed = synthetic_dialogues(60, seed=1)
        imported = staging.describe(changed, "other.csv", "1" * 64)
        with closing(connections.writer(workspace.state)) as store, connections.transaction(store):
            data.replace(store, imported, changed)
        await until_shows(pilot, "1–60 of 60")
        # The cursor stays on its dialogue, whose responses are the new ones.
        await until_selected(pilot, changed[2])
        text = changed[2].responses["human"].text
        await until_shows(pilot, text.split(".")[0])


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 20)])
async def test_statistics_are_charts_that_are_read_without_colour(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue], size: tuple[int, int]
) -> None:
    async with opened(study, size) as pilot:
        await open_data(pilot)
        await pilot.press("v")
        await until_shows(pilot, "240 dialogues")
        charts = {
            section: _chart(pilot, section)
            for section in ("split", "ratings", "words", "crosstabs", "emotions", "recipes")
        }
        assert "train 180" in charts["split"]
        assert "test 60" in charts["split"]
        bad, okay, good = (
            sum(d.responses["human"].rating == rating for d in dialogues) for rating in (1, 2, 3)
        )
        human = next(line for line in charts["ratings"].splitlines() if line.startswith("human"))
        bar = human.split()[1]
        assert bar.strip("░▒█") == ""
        assert bar == "".join(sorted(bar, key="░▒█".index))
        assert abs(bar.count("█") / len(bar) - good / (bad + okay + good)) < 0.1
        assert [int(number) for number in human.split()[2:5]] == [bad, okay, good]
        assert "97" in charts["words"]
        assert "╎" in charts["words"]
        for source in ("chatgpt", "llama", "gemini", "mixtral"):
            assert source in charts["crosstabs"]
        for emotion in {d.emotion for d in dialogues}:
            assert emotion in charts["emotions"]
        assert "direct/all_together" in charts["recipes"]
        await pilot.press("n", "n", "p", "end", "home")
        # Back, first from the statistics and only then from the screen.
        await pilot.press("escape")
        await until_shows(pilot, "1–100 of 240")


async def test_hostile_texts_are_harmless_in_every_view(opened: Open, tmp_path: Path) -> None:
    hostile = "x\x1b[2J\x9b31m\u202e[bold]\r\n" + "so " * 40_000
    rows = [
        Dialogue(f"{hostile[:20]}{n}", hostile[:12], hostile[:9], "", hostile, hostile, d.split, d.responses)
        for n, d in enumerate(synthetic_dialogues(12))
    ]
    workspace = _imported(tmp_path / "study", rows)
    async with opened(workspace, (120, 40)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "x␛[2J")
        for keys in (["enter"], ["escape", "slash", "s", "o", "enter"], ["f"], ["escape", "v"]):
            await pilot.press(*keys)
            await settled(pilot)
            text = shown(pilot)
            assert not {"\x1b", "\x9b", "\u202e"} & set(text)


async def test_the_copy_of_a_dialogue_has_all_of_it(
    opened: Open, study: WorkspacePaths, dialogues: list[Dialogue]
) -> None:
    async with opened(study, (120, 40)) as pilot:
        await open_data(pilot)
        await until_selected(pilot, dialogues[0])
        await pilot.press("y")
        await until_shows(pilot, "if your terminal supports OSC 52")
        for response in dialogues[0].responses.values():
            assert response.text in pilot.app.clipboard


def _chart(pilot: Pilot[None], section: str) -> str:
    """A chart's text; it may have to be scrolled to on the screen."""
    chart = pilot.app.screen.query_one(f"#{section}", Static)
    return "\n".join(strip.text for strip in chart.render_lines(chart.size.region))
