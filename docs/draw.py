"""Draws what the docs show of the app from the app itself: the screenshots, and the table of keys.

python docs/draw.py [--check]

With --check nothing is written; it fails where a file is not what would be drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from textual.pilot import Pilot

from core.api import WorkspacePaths
from docs import scene
from tui.app import keymap
from tui.app.application import EmpathyApp
from tui.screens.home import screen

HERE = Path(__file__).parent
SIZE = (120, 34)
#: Seconds that a room has to show what it must.
DEADLINE_S = 30.0

#: File → keys that lead there, and words that are on the screen once all is drawn.
SHOTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "home": (("1",), ("gpu 1", "agrees with human ratings", "respond")),
    "pipeline": (("2",), ("✓ done",)),
    "data": (("3",), ("1–96 of 96", "Situation")),
    "figures": (("3", "v"), ("Ratings per source",)),
    "training": (("4", "space", "down", "down", "space", "down"), ("rewards/margins",)),
    "win_rates": (("5",), ("Judge: gpt-4o",)),
    "pairs": (("6", "w"), ("1/16",)),
    "history": (("6", "h"), ("responders answered",)),
    "batches": (("7",), ("in progress",)),
    "logs": (("8", "slash", *"failed", "enter", "escape"), ("CUDA out of memory",)),
}

_AREAS = {
    "app": "Everywhere",
    "room": "Every room",
    "list": "Every list",
    "table": "Every table",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a file is stale")
    check = parser.parse_args().check
    stale = []
    for path, text in drawn():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(HERE.parent))
    if check and stale:
        print(f"stale: {', '.join(stale)}; run `python docs/draw.py`", file=sys.stderr)
    return 1 if check and stale else 0


def drawn() -> Iterator[tuple[Path, str]]:
    """Every file with what it should hold."""
    yield HERE / "keys.md", keys()
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        workspace = scene.make(Path(folder) / "study")
        for name, text in asyncio.run(screenshots(WorkspacePaths(workspace.root, read_only=True))).items():
            yield HERE / "screenshots" / f"{name}.svg", text


def keys() -> str:
    """The table of keys, by the part of the app that has them."""
    lines = [
        "# Keys",
        "",
        "Drawn from the app by `python docs/draw.py`; `empathy-tui keys` prints the same.",
        "",
    ]
    lines += ["An id in `config.toml` gives its action other keys:", "", "```toml", "[app]"]
    lines += ['keys = { "pipeline.start" = "ctrl+s", "app.help" = "f1" }', "```"]
    area = None
    for line in keymap.key_lines():
        part = line.id.partition(".")[0]
        if part != area:
            area = part
            title = _AREAS.get(part, part.replace("_", " ").capitalize())
            lines += ["", f"## {title}", "", "| keys | what | id |", "| --- | --- | --- |"]
        shown = line.shown.replace("|", "\\|")
        lines.append(f"| `{shown}` | {line.what} | `{line.id}` |")
    return "\n".join(lines) + "\n"


async def screenshots(workspace: WorkspacePaths) -> dict[str, str]:
    """Each shot's SVG. The supervisor's lock is held, as while work goes on."""
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
                await pilot.press(*pressed)
                await _until(pilot, ("Quit", *words))
                found[name] = _svg(app)
    return found


def _svg(app: EmpathyApp) -> str:
    """The screenshot, with fonts that are there: none is fetched from elsewhere by who looks at it."""
    made = app.export_screenshot(title="empathy-tui")
    return re.sub(r"@font-face \{.*?\}\s*", "", made, flags=re.DOTALL)


async def _until(pilot: Pilot[None], words: tuple[str, ...]) -> None:
    waited = 0.0
    while not all(word in _shown(pilot) for word in words):
        if waited > DEADLINE_S:
            raise SystemExit(f"the screen does not show {words}:\n{_shown(pilot)}")
        await pilot.pause(0.05)
        waited += 0.05
    # What was asked for meanwhile is drawn as well.
    await pilot.pause(0.5)


def _shown(pilot: Pilot[None]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


if __name__ == "__main__":
    sys.exit(main())
