"""The program, with a lower limit of sessions: `python few_sessions.py ARGUMENTS`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tui.cli.main import main
from tui.web import server

if __name__ == "__main__":
    server.MAX_SESSIONS = 2
    main(prog_name="empathy-tui")
