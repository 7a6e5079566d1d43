"""Opens the app in this terminal."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from core.api import WorkspacePaths
from tui.runtime import garbage_collector


def open_app(workspace: WorkspacePaths, ballot: tuple[str, str, str, bool] | None = None) -> NoReturn:
    """Run the app until the user closes it, also on workspaces that the user switches to; then exit.

    With a `ballot` (two responders, a voter, and whether pairs are drawn uniformly) it opens the voting
    screen.
    """
    # Garbage collection takes a tenth of the time until the first frame. The poller enables it again.
    garbage_collector.hold()
    # The longest delay of each event while the poller's thread computes.
    sys.setswitchinterval(0.0005)
    # Textual reads it once, at import. A key press may need two frames: for the key and for the rows.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from tui.app.application import EmpathyApp

    following: WorkspacePaths | None = workspace
    while following is not None:
        app = EmpathyApp(following, ballot)
        app.run()
        following = app.next_workspace
    sys.exit(app.return_code or 0)
