"""`E` opens config.toml in an editor; a mistake stays on the screens, which show the last valid one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp

#: An editor that writes down its arguments, and adds a line.
EDITOR = """
import pathlib, sys
pathlib.Path(__file__).with_name("asked").write_text("\\n".join(sys.argv[1:]))
file = pathlib.Path(sys.argv[-1])
file.write_text(file.read_text() + "\\n[lora]\\nr = 4\\n")
"""


@pytest.fixture
def suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A headless app has no terminal to give away."""

    @contextmanager
    def suspend(app: EmpathyApp) -> Iterator[None]:
        yield

    monkeypatch.setattr(EmpathyApp, "suspend", suspend)


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "editor.py"
    script.write_text(EDITOR)
    vi = tmp_path / "vi"
    vi.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    vi.chmod(0o700)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(vi))
    return tmp_path / "asked"


async def test_the_editor_opens_at_the_setting_and_the_change_can_be_undone(
    filled: WorkspacePaths, opened: Open, editor: Path, suspended: None
) -> None:
    before = filled.config.read_text()
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("comma")
        await until_shows(pilot, "of them in config.toml")
        await pilot.press("slash", *"judges.", "enter")
        await settled(pilot)
        await pilot.press("E")
        await until_shows(pilot, "Keep it (n)")
        assert "lora.r 8 → 4" in shown(pilot)
        assert "jobs to run" in shown(pilot)
        line, file = editor.read_text().split("\n")
        assert before.splitlines()[int(line.removeprefix("+")) - 1].startswith("provider")
        assert file == str(filled.config)
        await pilot.press("y")
        await until(pilot, lambda: filled.config.read_text() == before)


async def test_without_an_editor_it_says_what_to_do(
    filled: WorkspacePaths, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("E")
        await until_shows(pilot, "no editor is set")


async def test_in_a_browser_no_editor_is_started(
    filled: WorkspacePaths, opened: Open, editor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmpathyApp, "is_web", property(lambda app: True))
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "Stages")
        await pilot.press("E")
        await until_shows(pilot, "An editor needs a terminal")
    assert not editor.exists()


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_long_mistake_does_not_cut_the_key_that_opens_the_file(
    filled: WorkspacePaths, opened: Open, read_only: bool
) -> None:
    text = filled.config.read_text()
    async with opened(WorkspacePaths(filled.root, read_only=read_only), (80, 24)) as pilot:
        filled.config.write_text(text + f"\n[sfd]\n{'a' * 1000} = 1\n")
        await until_shows(pilot, ": sfd: ")
        assert ("E opens the file" in shown(pilot)) is not read_only


async def test_a_mistake_stays_on_every_screen_until_it_is_mended(
    filled: WorkspacePaths, opened: Open
) -> None:
    text = filled.config.read_text()
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "7 of 17 done")
        filled.config.write_text(text + "\n[sfd]\nseed = 1\n")
        await until_shows(pilot, "sfd: there is no such option; did you mean sft?")
        await settled(pilot)
        number = len(text.splitlines()) + 2
        assert f"config.toml, line {number}: " in shown(pilot)
        assert "7 of 17 done" in shown(pilot)
        await pilot.press("4")
        await until_shows(pilot, "did you mean sft?")
        filled.config.write_text(text + "\n[sft]\nseed = 1\n")
        await until_shows(pilot, "config.toml has changed")
        await settled(pilot)
        assert "did you mean sft?" not in shown(pilot)
