"""Commands of the program in processes that are forked with its modules loaded.

That the program starts by a command of its own, and what it loads then, is tested in `test_program.py` and
`tests/api/test_imports.py`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import waiting
from tests.support.processes.forking import ForkedProcess, Loaded, preload
from tests.support.waiting import Ended
from tui.cli import main

preload(__name__, *dict.fromkeys(module for module, _ in main._COMMANDS.values()))


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], loaded: Loaded = "program"
) -> Ended:
    """Run `python -m tui WORDS`, given whole, in a folder, to its end, with what it needs `loaded`."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        process = ForkedProcess(
            work, command[3:], folder, out=out, err=err, environment=environment, loaded=loaded
        )
        try:
            code = waiting.wait_for_exit(process)
        finally:
            process.kill()
            process.wait()
        return Ended(code, out.read_bytes(), err.read_bytes())


def work(words: Sequence[str], folder: Path) -> int:
    """What the process of a command does, in a folder; its exit code."""
    os.chdir(folder)
    sys.argv = ["empathy-tui", *words]
    # A new interpreter would have these of its own.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    main.main(prog_name="empathy-tui")
    return 0
