"""A supervisor with real workers, forked with the libraries that they need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.pipeline.engines.engines import Engines
from core.pipeline.supervision import supervisor
from core.pipeline.workers import worker
from tests.support import waiting
from tests.support.processes.forking import ForkedProcess, ForkedWorkers, Loaded, preload

preload(__name__)


def supervise(workspace: WorkspacePaths, run: Callable[[Path], int]) -> int:
    """What a supervisor's process does; its exit code."""
    supervisor.TICK_S = 0.02
    return supervisor.main(workspace, Engines(workspace, ForkedWorkers(workspace, run)))


@contextmanager
def supervised(root: Path, *, loaded: Loaded = "program", **environment: str) -> Iterator[ForkedProcess]:
    """A supervisor of the workspace in `root`, which does what commands of the program ask for.

    Only it and its workers have the `environment`. `loaded` is what its workers need.
    """
    workspace = WorkspacePaths(root)
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    process = ForkedProcess(
        supervise,
        workspace,
        worker.main,
        out=workspace.supervisor_log,
        environment=os.environ | {"EMPATHY_SUPERVISOR_IDLE_S": str(waiting.LIMIT_S)} | environment,
        loaded=loaded,
    )
    try:
        waiting.wait_until(
            lambda: launch.is_running(workspace)[0],
            "the supervisor",
            processes=[process],
            show=workspace.supervisor_log.read_text,
        )
        yield process
    finally:
        process.kill()
        process.wait()
