"""The app of one browser tab: `python -m tui.web.tab WORKSPACE [--write]`, piped to the server."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from core.api import UserError, open_workspace
from tui.app.launch import open_app

#: Seconds between checks that the server still runs.
_CHECK_S = 1.0


def main(root: str, *, write: bool) -> None:
    """Open the app. It ends when the server ends, also when that is killed."""
    threading.Thread(target=_exit_with, args=(os.getppid(),), name="server", daemon=True).start()
    try:
        paths = open_workspace(root, read_only=not write).paths
    except UserError as error:
        sys.exit(str(error))
    open_app(paths)


def _exit_with(server: int) -> None:
    while os.getppid() == server:
        time.sleep(_CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], write="--write" in sys.argv[2:])
