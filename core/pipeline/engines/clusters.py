"""The clusters of config.toml: whether they can be used here, and connections to them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from core.config.schema import EngineConfig, EngineResources
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.pipeline.engines.cluster import Cluster, UnreachableError

#: The package that each type of engine needs, which the extra of the type's name installs.
_PACKAGES = {"ray": "ray", "slurm": "submitit"}


def check(name: str, configured: Mapping[str, EngineConfig]) -> None:
    """Raise `UserError` unless config.toml has that engine, and the package for it is installed."""
    if name not in configured:
        known = ", ".join(["local", *configured])
        raise UserError(f"config.toml has no [engines.{name}]; there are: {known}")
    kind = configured[name].type
    if find_spec(_PACKAGES[kind]) is None:
        raise UserError(
            f"the engine {name!r} needs the package {_PACKAGES[kind]}, which is not installed: "
            f"`uv pip install 'empathy-tui[{kind}]'`"
        )


def resources(config: EngineConfig, slot: str) -> EngineResources:
    """What a job in a slot reserves."""
    found = config.resources.get(slot, EngineResources())
    if found.num_gpus is not None:
        return found
    return EngineResources(
        num_cpus=found.num_cpus,
        num_gpus=1.0 if slot == "gpu" else 0.0,
        memory_gb=found.memory_gb,
        custom=found.custom,
    )


def ask(name: str, config: EngineConfig, folder: Path) -> EngineUse:
    """What a cluster says of itself now, or why it says nothing. It may take a while."""
    try:
        found, problem = connect(name, config, folder).use(), None
    except (UserError, UnreachableError) as error:
        found, problem = (), str(error)
    return EngineUse(name, config.type, time.time(), problem, found)


def connect(name: str, config: EngineConfig | None, folder: Path) -> Cluster:
    """A connection to a cluster; `folder` is for what its library writes.

    Raises `UnreachableError` if it does not answer, and `UserError` if it cannot be used here.
    """
    if config is None:
        raise UserError(f"config.toml has no [engines.{name}] any more")
    check(name, {name: config})
    # Their libraries take seconds to load, and each is an optional extra.
    if config.type == "ray":
        from core.pipeline.engines.ray_cluster import RayCluster

        return RayCluster(config)
    from core.pipeline.engines.slurm_cluster import SlurmCluster

    return SlurmCluster(config, folder)
