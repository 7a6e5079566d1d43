"""Commands of the program in processes that are forked with its modules loaded.

That the program starts by a command of its own, and what it loads then, is tested in `test_program.py` and
`tests/api/test_imports.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from core.publishing import weights
from tests.support.processes.forking import ForkedProcess, Loaded, preload, run_to_end
from tests.support.waiting import Ended
from tui.cli import main

preload(__name__, *dict.fromkeys(module for module, _ in main._COMMANDS.values()))
# What the weights of a published model need.
preload("core.students.merging", "core.training.training_job", "peft", into="models")


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], loaded: Loaded = "program"
) -> Ended:
    """Run `python -m tui WORDS`, given whole, in a folder, to its end, with what it needs `loaded`."""
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        run = work if loaded == "program" else work_with_models
        process = ForkedProcess(
            run, command[3:], folder, out=out, err=err, environment=environment, loaded=loaded
        )
        return Ended(run_to_end(process), out.read_bytes(), err.read_bytes())


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


def work_with_models(words: Sequence[str], folder: Path) -> int:
    """The same in a process that has loaded models: it forks the one that makes the weights to publish."""
    weights.subprocess = Mock(run=_make_weights)  # type: ignore[attr-defined]
    return work(words, folder)


def _make_weights(
    command: Sequence[str], *, env: dict[str, str], **options: Any
) -> subprocess.CompletedProcess[bytes]:
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.environ.update(env)
            code = weights.main(*map(Path, command[-2:]))
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), b"", b"")
