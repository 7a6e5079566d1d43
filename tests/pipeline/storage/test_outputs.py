"""Outputs and journal of an attempt on a storage: neither is there without what it depends on."""

from __future__ import annotations

from pathlib import Path

from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Artifact, Metric
from core.pipeline.storage import growing_file, outputs
from core.pipeline.storage.layout import AttemptNames
from core.pipeline.storage.outputs import HashMemory, OutputSender
from core.pipeline.storage.storage import Storage
from core.pipeline.workers.far_worker import JournalFollower
from tests.support.servers import storages

METRICS = [Metric(step, {"loss": 1.0 / step}) for step in (1, 2)]


def test_metrics_come_before_the_files_and_those_before_the_records_that_name_them(tmp_path: Path) -> None:
    folder, copy = tmp_path / "attempt", tmp_path / "copy"
    folder.mkdir()
    copy.mkdir()
    names = AttemptNames("task")
    with storages.storage("file", tmp_path) as url:
        storage = Storage(url)
        follower = JournalFollower(storage, names, folder)
        sender = OutputSender(storage, folder, names, follower.send_journal)
        Journal(folder).write(*METRICS, Artifact("adapter", "adapter.bin", "0" * 64, 1))
        (folder / "adapter.bin").write_bytes(b"x")
        # The node dies as soon as the list of files is there: nothing of the thread that follows the journal.
        sender.send(everything=True)
        outputs.receive(storage, names, copy, HashMemory())
        growing_file.receive(storage, names.journal, copy / journal.NAME)
        assert (copy / "adapter.bin").exists()
        assert [entry.record for entry, _ in journal.read(copy)] == METRICS
        assert follower.waiting is not None
        follower.allow(follower.waiting)
        follower.send_journal()
        growing_file.receive(storage, names.journal, copy / journal.NAME)
        assert (copy / journal.NAME).read_bytes() == (folder / journal.NAME).read_bytes()
