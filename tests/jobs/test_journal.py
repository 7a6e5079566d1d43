"""The journal as a file: what is written is read, and what is torn is not."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import journal, records
from core.jobs.journal import DamagedJournalError, Journal
from core.jobs.records import Done, Failed, Metric, Progress, ResponseRecord
from tests.support.records import made_results


def test_what_is_written_is_read_from_any_offset(tmp_path: Path) -> None:
    written = Journal(tmp_path)
    written.write(Progress(0, 2), Metric(1, {"loss": 0.5}))
    written.write(ResponseRecord("d1", "line\nbreak \u2028 and \x00", "stop"), Done(made_results.judge()))
    entries = list(journal.read(tmp_path))
    assert [entry.seq for entry, _ in entries] == [1, 2, 3, 4]
    for number, (_, offset) in enumerate(entries, start=1):
        assert [entry.seq for entry, _ in journal.read(tmp_path, offset)] == list(range(number + 1, 5))


def test_metrics_that_had_other_names_are_read(tmp_path: Path) -> None:
    result = made_results.compared(lc_differs=True, probability_win_rate_b=0.6)
    Journal(tmp_path).write(Done(result))
    file = tmp_path / journal.NAME
    written = file.read_bytes()
    for now, before in made_results.FORMER_NAMES.items():
        assert now.encode() in written
        written = written.replace(f'"{now}":'.encode(), f'"{before}":'.encode())
    file.write_bytes(written)
    ((entry, _),) = journal.read(tmp_path)
    assert entry.record == Done(result)


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert list(journal.read(tmp_path)) == []


def test_a_torn_line_does_not_count(tmp_path: Path) -> None:
    Journal(tmp_path).write(Progress(1, 2))
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(b'{"seq": 2')
    assert [entry.seq for entry, _ in journal.read(tmp_path)] == [1]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"{}\n", b'{"seq":1,"at":1,"record":{"type":"failed","error":"\xff"}}\n']
)
def test_a_damaged_line_is_an_error(tmp_path: Path, line: bytes) -> None:
    (tmp_path / journal.NAME).write_bytes(line)
    with pytest.raises(DamagedJournalError, match=r"journal\.jsonl, line \d+: "):
        list(journal.read(tmp_path))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_hold_is_written_as_a_string(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="step 3"):
        Metric(3, {"loss": value})
    Journal(tmp_path).write(records.metric(3, {"loss": value, "grad_norm": 1.5}))
    ((entry, _),) = journal.read(tmp_path)
    assert isinstance(entry.record, Metric)
    assert entry.record.values == {"grad_norm": 1.5}
    assert str(float(entry.record.not_finite["loss"])) == str(value)


def test_threads_share_a_journal(tmp_path: Path) -> None:
    written = Journal(tmp_path)

    def write(thread: int) -> None:
        for step in range(200):
            written.write(Progress(step, thread))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.seq for entry, _ in journal.read(tmp_path)] == list(range(1, 801))


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk's: a write stops in the middle of a line."""
    script = """
import resource
import signal
import sys
from pathlib import Path
from core.jobs.records import Failed, Progress, ResponseRecord
from core.jobs.journal import DamagedJournalError, Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal = Journal(Path(sys.argv[1]))
journal.write(Progress(0, 3))
try:
    journal.write(Progress(1, 3), ResponseRecord("d", "x" * 5000, "stop"))
except OSError:
    journal.write(Failed("no space"))
"""
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=True,
    )
    entries = [entry for entry, _ in journal.read(tmp_path)]
    assert [entry.seq for entry in entries] == [1, 2, 4]
    assert entries[-1].record == Failed("no space")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_damaged(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / journal.NAME)
    with pytest.raises(DamagedJournalError, match="it is not a file"):
        list(journal.read(tmp_path))
