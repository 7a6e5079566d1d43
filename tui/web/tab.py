"""The app of one browser tab: `python -m tui.web.tab WORKSPACE [--write]`, with the server at its pipes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from core.api import UserError, open_workspace
from tui.cli.options import open_app

#: Seconds between looks at whether the server still lives.
_LOOK_S = 1.0


def main(root: str, *, write: bool) -> None:
    """Open the app; it ends with the server, however that ends."""
    threading.Thread(target=_leave_with, args=(os.getppid(),), name="server", daemon=True).start()
    try:
        paths = open_workspace(root, read_only=not write).paths
    except UserError as error:
        sys.exit(str(error))
    open_app(paths)


def _leave_with(server: int) -> None:
    while os.getppid() == server:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], write="--write" in sys.argv[2:])
