"""The clusters of config.toml: whether they can be used here, and connections to them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_cache_path

from core.config.schema import EngineConfig, EngineResources
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.domain.packages import check_installed
from core.pipeline.engines.cluster import Cluster, UnreachableError
from core.pipeline.storage import storage

#: The package that each type of engine needs, which the extra of the type's name installs.
_PACKAGES = {"ray": "ray[default]", "slurm": "submitit"}


def check(name: str, configured: Mapping[str, EngineConfig]) -> None:
    """Raise `UserError` unless config.toml has that engine, and the package for it is installed."""
    if name not in configured:
        known = ", ".join(["local", *configured])
        raise UserError(f"config.toml has no [engines.{name}]; there are: {known}")
    kind = configured[name].type
    check_installed(_PACKAGES[kind], f"the engine {name!r}")
    url = configured[name].storage
    if url is not None:
        storage.check_package(url)


def resources(config: EngineConfig, slot: str, places: int = 1) -> EngineResources:
    """What a job reserves that takes so many places of a slot."""
    one = config.resources.get(slot, EngineResources())
    gpus = one.num_gpus if one.num_gpus is not None else float(slot == "gpu")
    if places > 1 and gpus:
        # Each process of a run has a whole one.
        gpus = max(1.0, gpus)
    return EngineResources(
        num_cpus=one.num_cpus * places,
        num_gpus=gpus * places,
        memory_gb=None if one.memory_gb is None else one.memory_gb * places,
        custom={name: amount * places for name, amount in one.custom.items()},
    )


def ask(name: str, config: EngineConfig, folder: Path) -> EngineUse:
    """What a cluster says of itself now, or why it says nothing. It may take a while."""
    try:
        cluster = connect(name, config, folder)
        return EngineUse(name, config.type, time.time(), None, cluster.use(), cluster.lost_nodes())
    except (UserError, UnreachableError) as error:
        return EngineUse(name, config.type, time.time(), str(error), ())


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

    if config.storage is not None:
        # The nodes do not see the workspace, but home folders.
        folder = user_cache_path("empathy-tui") / "slurm"
    return SlurmCluster(config, folder)
