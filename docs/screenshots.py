"""Draws the screenshots of a workspace from the running app.

python docs/screenshots.py WORKSPACE [FOLDER]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from core.api import open_workspace
from tui.app import EmpathyApp

#: File → keys that lead to what it shows.
SHOTS = {"pipeline": "2", "data": "3", "training": "4", "win_rates": "5", "pairs": "6"}
SIZE = (110, 30)
#: Seconds that a room gets to read and draw what it shows.
SETTLE_S = 1.5


async def draw(workspace: Path, folder: Path) -> None:
    app = EmpathyApp(open_workspace(workspace))
    folder.mkdir(parents=True, exist_ok=True)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(SETTLE_S)
        for name, keys in SHOTS.items():
            await pilot.press(*keys)
            await pilot.pause(SETTLE_S)
            path = folder / f"{name}.svg"
            path.write_text(app.export_screenshot(title="empathy-tui"), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    target = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).parent / "screenshots"
    asyncio.run(draw(Path(sys.argv[1]), target))
