"""Screenshots of the app on a made-up workspace, as SVG."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from core.api import WorkspacePaths
from docs.generator import conversation, scene
from tui.app.application import EmpathyApp
from tui.screens.home import screen

SIZE = (120, 34)
#: Seconds until a screen must show the expected words.
DEADLINE_S = 30.0

#: File name → keys that open the screen, and words that it shows once it is complete. After `until` are words
#: that are waited for before the next key.
SHOTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "home": (("1",), ("agrees with human ratings", "respond")),
    "pipeline": (("2",), ("✓ done",)),
    "data": (("3",), ("1–96 of 96", "Situation")),
    "statistics": (("3", "v"), ("Ratings per source",)),
    "training": (("4", "space", "down", "down", "space", "down"), ("rewards/margins",)),
    "win_rates": (("5",), ("Judge gpt-4o",)),
    "pairs": (("6", "w"), ("1/16",)),
    "responses": (("6", "h"), ("responders answered",)),
    "batches": (("7",), ("in progress",)),
    "logs": (("8", "slash", *"failed", "enter", "escape"), ("CUDA out of memory",)),
    "settings": (("comma", "slash", *"epochs", "enter"), ("sft.num_train_epochs",)),
    "playground": (("9", "h", "until Continue a", "enter"), ("turn 3 of a conversation",)),
}


def screenshots() -> dict[str, str]:
    """Each screenshot's SVG by name. Changes the process's time zone and home folder."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        workspace = scene.make(Path(folder) / "study")
        conversation.write(workspace)
        return asyncio.run(_take(WorkspacePaths(workspace.root, read_only=True)))


async def _take(workspace: WorkspacePaths) -> dict[str, str]:
    """Each screenshot's SVG by name, with a supervisor that seems to run."""
    found = {}
    with (
        patch.object(EmpathyApp, "now", lambda self: scene.NOW),
        patch.object(screen, "_machine", lambda workspace: scene.MACHINE),
        patch("core.pipeline.launch.is_running", lambda workspace: (True, 4711)),
    ):
        for name, (pressed, words) in SHOTS.items():
            app = EmpathyApp(workspace)
            async with app.run_test(size=SIZE) as pilot:
                await _until(pilot, ("dialogues",))
                for key in pressed:
                    if key.startswith("until "):
                        await _until(pilot, (key.removeprefix("until "),))
                    else:
                        await pilot.press(key)
                await _until(pilot, ("Quit", *words))
                found[name] = _svg(app)
    return found


def _svg(app: EmpathyApp) -> str:
    """The screenshot without web fonts: a reader's browser then loads nothing from elsewhere."""
    made = app.export_screenshot(title="empathy-tui")
    return re.sub(r"@font-face \{.*?\}\s*", "", made, flags=re.DOTALL)


async def _until(pilot: Pilot[None], words: tuple[str, ...]) -> None:
    waited = 0.0
    while not all(word in _shown(pilot) for word in words):
        if waited > DEADLINE_S:
            raise SystemExit(f"the screen does not show {words}:\n{_shown(pilot)}")
        await pilot.pause(0.05)
        waited += 0.05
    # Queries that started meanwhile end and are drawn.
    await pilot.pause(0.5)


def _shown(pilot: Pilot[None]) -> str:
    # Without it a dialog's background is drawn blank, and the blank lines stay in Textual's cache of lines.
    visible_screen_stack.set(pilot.app._background_screens)
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
