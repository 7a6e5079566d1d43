"""A playground's process, forked with the libraries that its students need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.config.workspace import WorkspacePaths
from core.playground import process, worker
from tests.support import waiting
from tests.support.processes.forking import ForkedProcess, preload

preload("core.playground.answering", "core.playground.students", "peft", into="models")


@contextmanager
def playing(workspace: WorkspacePaths) -> Iterator[ForkedProcess]:
    """A process that answers what is asked in the playground of the workspace, until it is told to end."""
    workspace.playground.mkdir(parents=True, exist_ok=True)
    log = workspace.playground / "log.txt"
    playground = ForkedProcess(
        worker.main,
        workspace,
        "cpu",
        process.IDLE_S,
        out=log,
        environment=os.environ,
        loaded="models",
    )
    try:
        waiting.wait_until(
            lambda: process.running(workspace), "the playground", processes=[playground], show=log.read_text
        )
        yield playground
    finally:
        playground.kill()
        playground.wait()
