"""The program, whose server waits for no slow browser: `python impatient_server.py ARGUMENTS`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tui.cli.main import main
from tui.web import server

if __name__ == "__main__":
    server.REQUEST_S = 0.5
    main(prog_name="empathy-tui")
