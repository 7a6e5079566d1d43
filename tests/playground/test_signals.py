"""Signals to the playground's process."""

from __future__ import annotations

import sys
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.playground import process
from tests.support import waiting

#: A process that gets the signal while it writes to its log.
SIGNALLED = """
import io
import os
import signal
import sys
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.playground import worker

class Log(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        signal.raise_signal(signal.SIGTERM)
        return os.write(2, data)

sys.stderr = io.TextIOWrapper(io.BufferedWriter(Log()), line_buffering=True)
sys.exit(worker.main(WorkspacePaths(Path(sys.argv[1])), "cpu", 0.0))
"""


def test_a_signal_may_come_while_the_log_is_written(tmp_path: Path) -> None:
    process.lock_file(WorkspacePaths(tmp_path)).parent.mkdir(parents=True)
    ended = waiting.run([sys.executable, "-c", SIGNALLED, str(tmp_path)])
    assert ended.code == 0
    assert ended.err.count(b"the playground ends: it was not used for 0 s") == 1
    assert b"Traceback" not in ended.err
