"""`python -m tui`: the same as the command `empathy-tui`."""

from __future__ import annotations

from tui.cli.main import main

if __name__ == "__main__":
    main(prog_name="empathy-tui")
