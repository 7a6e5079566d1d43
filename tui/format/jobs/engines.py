"""Where jobs run, and how much of a cluster is in use, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import EngineUse, Job


def place(job: Job) -> str:
    """Where the newest attempt of a job runs; empty for this machine without a choice of GPUs."""
    if job.engine == "local":
        return job.gpu or ""
    return job.engine if job.node is None else f"{job.engine} {job.node}"


def use(engine: EngineUse) -> str:
    """How much of a cluster is in use, or why that is not known."""
    parts = [f"{one.used:g}/{one.total:g} {one.name}" for one in engine.resources]
    if engine.problem is not None:
        parts = [engine.problem]
    return f"{engine.name} ({engine.type}): {', '.join(parts) or 'it does not report what is in use'}"
