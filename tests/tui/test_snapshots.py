"""Every screen as it looks: in three sizes, empty, busy, failed, and without colours.

`pytest --snapshot-update` takes them anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from textual._doc import take_svg_screenshot
from textual.app import App
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.services.training import run_estimates
from docs.generator import scene
from tests.support.records import flawed_responses, playground_turns
from tests.support.settling import settled, until, until_shows
from tests.support.workspaces import batches_workspace
from tests.support.workspaces.filled_workspace import fill
from tui.app.application import EmpathyApp
from tui.screens.home import screen as home_screen

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}

#: Screen → its key, and what is on its screen once it has all that it shows: busy, failed.
SCREENS = {
    "home": ("1", "agrees with human ratings", "agrees with held-out"),
    "pipeline": ("2", "✓ done", "✓ done"),
    "data": ("3", "1–96 of 96", "1–48 of 48"),
    "training": ("4", "loss", "loss"),
    "win_rates": ("5", "Judge ", "Judge "),
    "pairs": ("6", "1/16", "1/12"),
    "batches": ("7", "in progress", "✗ failed"),
    "logs": ("8", "no padding token", "attempt 1 of a made job"),
    "playground": ("9", "greedy · at most", "greedy · at most"),
}
#: What is pressed in a screen before it is looked at: for logs, to the one of a job that runs, or failed.
THEN = {("logs", "busy"): ["down"] * 18, ("logs", "failed"): ["down"] * 3}
#: What a screen says where there is nothing to show.
EMPTY = {
    "home": "What to do next",
    "pipeline": "config.toml defines no jobs",
    "data": "There is no data yet",
    "training": "There are no runs yet",
    "win_rates": "There are no comparisons yet",
    "pairs": "There are no pairs yet",
    "batches": "No requests yet",
    "logs": "supervisor",
    "playground": "No responders yet",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: a workspace with everything under way, one where much has failed."""
    folder = tmp_path_factory.mktemp("made")
    scene.make(folder / "busy" / "study")
    fill(folder / "failed" / "study")
    batches_workspace.make(folder / "asked" / "study")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def copied(made: Path, state: str, home: Path) -> WorkspacePaths:
    shutil.copytree(made / state / "study", home / "study")
    return WorkspacePaths(home / "study")


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_screen, "_machine", lambda workspace: scene.MACHINE)


Compare = Callable[..., bool]
#: Screens, in the order of visits → the key of each, what it must show, and what is pressed then.
Visits = Mapping[str, tuple[str, str, Sequence[str]]]

VISITS: dict[str, Visits] = {
    "busy": {name: (key, words, THEN.get((name, "busy"), ())) for name, (key, words, _) in SCREENS.items()},
    "failed": {
        name: (key, words, THEN.get((name, "failed"), ()))
        for name, (key, _, words) in SCREENS.items()
        if name != "batches"
    },
    "asked": {"batches": (SCREENS["batches"][0], SCREENS["batches"][2], ())},
    "empty": {name: (key, EMPTY[name], ()) for name, (key, _, _) in SCREENS.items()},
}


def draw(workspace: WorkspacePaths, size: str, visits: Visits) -> dict[str, str]:
    """Each screen as an image, all of one app."""
    found: dict[str, str] = {}

    async def visit(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        for screen, (key, words, then) in visits.items():
            await pilot.press(key)
            await until_shows(pilot, "Quit")
            await settled(pilot)
            await pilot.press(*then)
            await until_shows(pilot, words)
            await settled(pilot)
            found[screen] = app.export_screenshot(simplify=True)

    take_svg_screenshot(EmpathyApp(workspace), terminal_size=SIZES[size], run_before=visit)
    return found


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, ...], dict[str, str]]:
    """The images of all screens in one size: to start an app takes longer than to draw a screen."""
    return {}


@pytest.fixture
def looks(
    snap_compare: Compare, drawn: dict[tuple[str, ...], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Compare:
    """Whether a screen of a workspace looks as it did."""

    def compare(make: Callable[[], WorkspacePaths], state: str, size: str, screen: str) -> bool:
        key = (state, size, os.environ.get("NO_COLOR", ""))
        if key not in drawn:
            drawn[key] = draw(make(), size, VISITS[state])
        image = drawn[key][screen]
        monkeypatch.setattr("textual._doc.take_svg_screenshot", lambda **_: image)
        if not (is_same := snap_compare(App())):
            # Another try draws it anew.
            del drawn[key]
        return is_same

    return compare


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.usefixtures("busy_machine")
def test_busy(looks: Compare, made: Path, home: Path, screen: str, size: str) -> None:
    assert looks(lambda: copied(made, "busy", home), "busy", size, screen)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_failed(looks: Compare, made: Path, home: Path, screen: str, size: str) -> None:
    state = "asked" if screen == "batches" else "failed"
    assert looks(lambda: copied(made, state, home), state, size, screen)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_empty(looks: Compare, prepared: WorkspacePaths, screen: str, size: str) -> None:
    assert looks(lambda: prepared, "empty", size, screen)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.usefixtures("busy_machine")
def test_no_color(
    looks: Compare, made: Path, home: Path, monkeypatch: pytest.MonkeyPatch, screen: str, size: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks(lambda: copied(made, "busy", home), "busy", size, screen)


@pytest.mark.parametrize("size", SIZES)
def test_conversation(snap_compare: Compare, made: Path, home: Path, size: str) -> None:
    workspace = copied(made, "failed", home)
    playground_turns.write(workspace)

    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "dialogues")
        await pilot.press("9")
        await until_shows(pilot, "greedy · at most")
        await settled(pilot)
        await pilot.press("h")
        await until_shows(pilot, "I used to cook")
        await pilot.press("enter")
        await until_shows(pilot, "turn 3 of a conversation")
        await settled(pilot)

    assert snap_compare(EmpathyApp(workspace), terminal_size=SIZES[size], run_before=ready)


#: What is pressed on the settings screen, and what it shows then.
SETTINGS: dict[str, tuple[list[str], str]] = {
    "changed": (["slash", *"epochs", "enter", "enter", "end", "backspace", "2", "enter"], "superseded"),
    "recipes": (["v", "down", "down", "space"], "not saved: recipes.train"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", SETTINGS)
def test_settings(
    snap_compare: Compare, made: Path, home: Path, monkeypatch: pytest.MonkeyPatch, what: str, size: str
) -> None:
    # Estimates of time follow from it.
    monkeypatch.setattr(run_estimates, "_products_a_second", lambda: 5e10)
    workspace = copied(made, "failed", home)
    keys, words = SETTINGS[what]

    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "dialogues")
        await pilot.press("comma")
        await until_shows(pilot, "of them in config.toml")
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        await until_shows(pilot, words)
        await settled(pilot)

    assert snap_compare(EmpathyApp(workspace), terminal_size=SIZES[size], run_before=ready)


@pytest.mark.parametrize("size", SIZES)
def test_flaws(snap_compare: Compare, made: Path, home: Path, size: str) -> None:
    workspace = copied(made, "busy", home)
    flawed_responses.write(workspace)

    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "dialogues")
        await pilot.press("3")
        await until_shows(pilot, "1–96 of 96")
        await pilot.press("v", "v")
        await until_shows(pilot, "cannot help with that")
        await pilot.press("enter", "down")
        await until_shows(pilot, "it talks about")
        await settled(pilot)

    assert snap_compare(EmpathyApp(workspace), terminal_size=SIZES[size], run_before=ready)


@pytest.mark.parametrize("size", SIZES)
def test_publish(snap_compare: Compare, made: Path, home: Path, size: str) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "dialogues")
        await pilot.press("4")
        await until_shows(pilot, "loss")
        await settled(pilot)
        await pilot.press("x")
        await until_shows(pilot, "enter publishes")
        await settled(pilot)

    app = EmpathyApp(copied(made, "failed", home))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=ready)


@pytest.mark.parametrize("size", SIZES)
def test_welcome(snap_compare: Compare, empty: WorkspacePaths, size: str) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        await until_shows(pilot, "What to do next")
        await until_shows(pilot, "Quit")
        await settled(pilot)

    assert snap_compare(EmpathyApp(empty), terminal_size=SIZES[size], run_before=ready)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("key", "words"),
    [("question_mark", "Start the job and its dependencies"), ("ctrl+p", "Go back one step; never quits")],
    ids=["help", "palette"],
)
def test_help_and_palette(
    snap_compare: Compare, made: Path, home: Path, size: str, key: str, words: str
) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        await until_shows(pilot, "Quit")
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await until_shows(pilot, words)
        await settled(pilot)

    app = EmpathyApp(copied(made, "busy", home))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=ready)
