"""Where jobs run, and how much of a cluster is in use, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import EngineUse, Job


#: The most lost nodes that are named.
_NAMED = 5


def place(job: Job) -> str:
    """Where the newest attempt of a job runs; empty for this machine without a choice of GPUs."""
    if job.engine == "local":
        return job.gpu or ""
    return job.engine if job.node is None else f"{job.engine} {job.node}"


def use(engine: EngineUse) -> str:
    """How much of a cluster is in use and which nodes it has lost, or why that is not known."""
    parts = [f"{one.used:g}/{one.total:g} {one.name}" for one in engine.resources]
    if engine.problem is not None:
        parts = [engine.problem]
    text = f"{engine.name} ({engine.type}): {', '.join(parts) or 'it does not report what is in use'}"
    return f"{text}; lost: {_names(engine.lost_nodes)}" if engine.lost_nodes else text


def _names(nodes: tuple[str, ...]) -> str:
    named, others = ", ".join(nodes[:_NAMED]), len(nodes) - _NAMED
    return f"{named} and {others:,} more" if others > 0 else named
