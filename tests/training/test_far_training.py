"""A run on a node that does not see the workspace, whose node dies: it goes on from what was uploaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.jobs.records import Done, Metric
from core.pipeline.engines.transfers import Transfers
from core.pipeline.storage.layout import AttemptNames
from core.pipeline.storage.storage import Storage
from core.training.saving import checkpoints
from tests.pipeline.engines.played_cluster import HIDING, can_hide
from tests.support import waiting
from tests.support.records import job_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.support.servers import storages
from tests.training.conftest import Trained
from tests.training.test_resuming import assert_same_adapter, assert_same_curve


class FarNode:
    """Attempts of a workspace, done by a node that sees a storage alone."""

    def __init__(self, workspace: WorkspacePaths, url: str) -> None:
        self.workspace = workspace
        self.url = url
        self.storage = Storage(url)
        self.transfers = Transfers(workspace)
        self.processes: list[subprocess.Popen[bytes]] = []

    def begin(self, folder: Path) -> subprocess.Popen[bytes]:
        """Upload what an attempt needs, and start it."""
        self.transfers.begin(folder, self.url, folder.name, "tests.training.holding_worker")
        self._until(lambda: self.transfers.is_uploaded(folder))
        command = [sys.executable, "-m", "core.pipeline.workers.far_worker", self.url, folder.name]
        hiding = [*HIDING, str(self.workspace.artifacts)] if can_hide() else []
        process = subprocess.Popen([*hiding, *command], start_new_session=True)
        self.processes.append(process)
        return process

    def until_sent(self, folder: Path, name: str) -> None:
        """Wait until the node has sent an output."""
        outputs = AttemptNames(folder.name).outputs
        self._until(lambda: name.encode() in (self.storage.read(outputs) or b""))

    def bring_back(self, folder: Path) -> None:
        """Everything that an attempt has left, after its node has ended."""
        self._until(lambda: self.transfers.end(folder))
        self.transfers.forget(folder)

    def _until(self, holds: Callable[[], bool]) -> None:
        def look() -> bool:
            self.transfers.step()
            return holds()

        waiting.wait_until(look, "the node", progress=waiting.cpu_time(*self.processes))

    def close(self) -> None:
        self.transfers.close()
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def far_node(tmp_path: Path) -> Iterator[FarNode]:
    with storages.storage(storages.most_real(), tmp_path) as url:
        made = FarNode(WorkspacePaths(tmp_path / "workspace"), url)
        yield made
        made.close()


def test_a_run_whose_node_dies_goes_on_from_the_uploaded_checkpoint(
    far_node: FarNode, sft: Trained, tiny: Path
) -> None:
    inputs = TrainingInputs(far_node.workspace.artifacts / "jobs" / "job", tiny)
    first = inputs.attempt("sft")
    node = far_node.begin(first)
    far_node.until_sent(first, "checkpoint-4/complete.json")
    os.killpg(node.pid, signal.SIGKILL)
    node.wait()
    far_node.bring_back(first)
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-4"
    second = inputs.attempt("sft", prior=[first])
    assert waiting.wait_for_exit(far_node.begin(second)) == 0
    far_node.bring_back(second)
    assert len(job_attempts.found(second, Done)) == 1
    assert [metric.step for metric in job_attempts.found(second, Metric)] == [5, 6]
    assert_same_curve([first, second], sft.folder)
    assert_same_adapter(second, sft.folder)
