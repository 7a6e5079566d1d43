"""What engines say of the clusters on which they run jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResourceUse:
    """How much of one resource of a cluster is in use."""

    name: str
    """CPU, GPU, or as the cluster names it."""
    used: float
    """Reserved by anybody's work."""
    total: float
    """All of it."""


@dataclass(frozen=True)
class EngineUse:
    """A cluster as its engine last saw it."""

    name: str
    """Its name in config.toml."""
    type: str
    """ray or slurm."""
    at: float
    """When it was seen, in Unix seconds."""
    problem: str | None
    """Why it cannot be reached, for people; None while it can."""
    resources: tuple[ResourceUse, ...]
    """Its resources when it was last reached; empty where it does not report them."""
    lost_nodes: tuple[str, ...] = ()
    """The nodes that it has lost, as it names them: they died, or do not answer."""
