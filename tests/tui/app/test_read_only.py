"""Read-only: no key and no command of any screen changes a file or starts a process."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Iterable
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from core.api import UserError, create_workspace, open_workspace, prepare_demo
from core.config.workspace import WorkspacePaths
from tests.support.file_tree import contents
from tests.support.settling import settled, shown
from tests.tui.conftest import Open
from tui.app import navigator
from tui.app.application import EmpathyApp
from tui.app.palette import offers
from tui.navigation.bindings import READ_ONLY
from tui.navigation.messages import OpenBallot, OpenWorkspace

#: They end or stop the app, or open what is walked through anyway.
_APART = ("quit", "suspend_process", "command_palette", "screen")


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def _walk(pilot: Pilot[None], modes: Iterable[str]) -> set[str]:
    """Carry out every action that has a key or a command, on every screen; their names.

    What the app itself offers is the same everywhere, and is done once.
    """
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    done: set[str] = set()
    seen: set[tuple[str, str]] = set()

    async def return_to(mode: str) -> None:
        await pilot.pause()
        if len(app.screen_stack) > 1:
            # A dialog that asks is answered with yes.
            await pilot.press("enter")
        while len(app.screen_stack) > 1:
            await app.pop_screen()
        if app.current_mode != mode:
            app.switch_mode(mode)

    for mode in modes:
        app.switch_mode(mode)
        await settled(pilot)
        for active in list(app.screen.active_bindings.values()):
            action = active.binding.action.removeprefix("app.")
            # What a widget of Textual's does, and the app, is the same on every screen.
            by = (type(active.node).__name__, action)
            if action.partition("(")[0] in _APART or by in seen:
                continue
            seen.add(by)
            done.add(action if active.node is app else f"{mode}.{action}")
            await app.run_action(active.binding.action, active.node)
            await return_to(mode)
        for offer in offers(app):
            # Those with a key do what the key does.
            by = ("", offer.title)
            if "(key " in offer.help or by in seen:
                continue
            seen.add(by)
            result = offer.run()
            if isinstance(result, Awaitable):
                await result
            await return_to(mode)
        await settled(pilot)
    return done


@pytest.mark.parametrize("kind", ["empty", "filled"])
async def test_nothing_is_written_by_any_key_or_command(
    request: pytest.FixtureRequest, opened: Open, kind: str, tmp_path: Path
) -> None:
    paths: WorkspacePaths = request.getfixturevalue(kind)
    before, children = contents(tmp_path), _children()
    modes = ("welcome",) if kind == "empty" else [mode for mode in navigator.SCREENS if mode != "voting"]
    async with opened(WorkspacePaths(paths.root, read_only=True), (120, 40)) as pilot:
        done = await _walk(pilot, modes)
        assert done >= ({"welcome.demo", "welcome.init"} if kind == "empty" else {"home.retry", "home.pause"})
        if kind == "filled":
            pilot.app.post_message(OpenBallot("human", "chatgpt", "me"))
            await settled(pilot)
            assert READ_ONLY[:30] in shown(pilot)
    assert contents(tmp_path) == before
    assert _children() == children


@pytest.mark.parametrize(
    ("key", "has", "lacks"),
    [
        ("1", "? Help", ("Start all", "Pause", "Retry")),
        ("2", "? Help", ("Start", "Cancel", "Retry")),
        ("4", "v Table", ("Publish",)),
        ("7", "? Help", ("Cancel", "Retry", "Refresh")),
        ("comma", "v Recipes", ("Edit", "On/off", "Save", "Start all")),
    ],
)
async def test_the_line_of_keys_offers_nothing_that_writes(
    opened: Open, filled: WorkspacePaths, key: str, has: str, lacks: tuple[str, ...]
) -> None:
    async with opened(WorkspacePaths(filled.root, read_only=True), (120, 40)) as pilot:
        await pilot.press(key)
        await settled(pilot)
        keys = shown(pilot).splitlines()[-1]
        assert has in keys
        assert not [word for word in lacks if word in keys]


async def test_another_workspace_is_opened_read_only_too(
    opened: Open, empty: WorkspacePaths, filled: WorkspacePaths
) -> None:
    async with opened(WorkspacePaths(empty.root, read_only=True)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        app.post_message(OpenWorkspace(filled))
        await pilot.pause()
    assert app.next_workspace == WorkspacePaths(filled.root, read_only=True)


async def test_with_the_right_to_write_the_same_keys_write(opened: Open, empty: WorkspacePaths) -> None:
    """Else nothing would be shown by the others."""
    async with opened(empty) as pilot:
        await pilot.press("w")
        await settled(pilot)
    assert empty.config.exists()


def test_the_right_is_not_to_be_made(tmp_path: Path) -> None:
    watched = WorkspacePaths(tmp_path, read_only=True)
    for write in (create_workspace, prepare_demo):
        for place in (watched, watched.below("demo")):
            with pytest.raises(UserError, match="read-only"):
                write(place)
    assert not any(tmp_path.iterdir())
    with open_workspace(open_workspace(watched).paths) as workspace, pytest.raises(UserError, match="read-"):
        workspace.commands.pause()


def test_exports_go_elsewhere(filled_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(filled_once, tmp_path / "study"))
    before = contents(root)
    (tmp_path / "link").symlink_to(root)
    with open_workspace(root, read_only=True) as workspace:
        for folder in (
            root / "out",
            root,
            tmp_path / "link" / "out",
            tmp_path / "a" / ".." / "study" / "out",
        ):
            with pytest.raises(UserError, match="open read-only: name a folder outside"):
                workspace.commands.export_llama_factory(folder, ["direct/chatgpt"])
        assert workspace.commands.export_llama_factory(tmp_path / "out", ["direct/chatgpt"])
    assert contents(root) == before
