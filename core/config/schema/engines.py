"""Engines: clusters on which jobs run, and which jobs run there."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from core.config.schema.table import ConfigTable, NonNegativeNumber, Positive, PositiveNumber
from core.domain.states import Slot

Name = Annotated[str, Meta(min_length=1)]


class EngineResources(ConfigTable, frozen=True):
    """What one job in the slot that the table is named after (gpu, cpu, api or batch) reserves on the
    cluster; a run on several GPUs (`gpus_per_run`) reserves it for each of them, on one node or on
    `nodes_per_run`."""

    num_cpus: PositiveNumber = 1.0
    """CPUs, which are also its threads. Slurm takes whole ones."""
    num_gpus: NonNegativeNumber | None = None
    """GPUs; by default 1 in the slot gpu, and none in others. Slurm takes whole ones."""
    memory_gb: PositiveNumber | None = None
    """Memory; by default the cluster's default."""
    custom: dict[str, PositiveNumber] = {}
    """Ray's custom resources, such as `{ "accelerator_type:A100" = 0.001 }`."""


class EngineConfig(ConfigTable, frozen=True):
    """A cluster on which jobs can run beside `local`, this machine: see [Run on Ray](how-to/ray.md) and
    [Run under Slurm](how-to/slurm.md). All its nodes must see the workspace under the same path, unless there
    is a `storage`."""

    type: Literal["ray", "slurm"]
    """`ray`: a Ray cluster, through its Jobs API. `slurm`: Slurm, through submitit."""
    address: str | None = None
    """Ray: the URL of the cluster's dashboard, such as `http://head:8265`. Required for Ray."""
    partition: Name | None = None
    """Slurm: the partition; by default the cluster's."""
    account: Name | None = None
    """Slurm: the account; by default the user's."""
    time_limit_minutes: Positive = 1440
    """Slurm: the time limit of an attempt. A job with a checkpoint continues from it in another attempt."""
    gres: Name | None = None
    """Slurm: generic resources instead of `num_gpus`, such as `gpu:a100:1`, for jobs in the slot gpu;
    multiplied by `gpus_per_run` for a run on several GPUs."""
    array: bool = False
    """Slurm: submit jobs that become ready at the same time as one array."""
    sbatch: dict[str, str | int | bool] = {}
    """Slurm: further parameters of sbatch, such as `{ qos = "low", constraint = "a100" }`."""
    resources: dict[str, EngineResources] = {}
    """What a job reserves, by its slot."""
    python: Name | None = None
    """The Python on the nodes; by default the path of this program's. The program must be installed there."""
    storage: Name | None = None
    """A URL of fsspec, such as `s3://bucket/prefix`, `gs://bucket/prefix` or `ssh://host/folder`. Through
    it, jobs go to nodes that do not see the workspace, and results come back. Each machine has credentials of
    its own. Jobs that send requests to large models run on this machine."""
    env: dict[str, str] = {}
    """Environment variables of workers, such as `{ HF_HOME = "/shared/hub" }`. Not for API keys: set those
    on the nodes."""
    lost_after_s: PositiveNumber = 300.0
    """Seconds without a sign of life in a worker's journal after which its node counts as lost."""


class SlotEngines(ConfigTable, frozen=True):
    """Which engine runs the jobs of a slot: `local`, or a NAME of `[engines.NAME]`. `run --engine` overrides
    it for one start."""

    gpu: Name = "local"
    """Jobs on a GPU."""
    cpu: Name = "local"
    """Jobs on CPUs."""
    api: Name = "local"
    """Jobs that make live API calls. Elsewhere, the nodes need the network and the API keys."""
    batch: Name = "local"
    """Jobs that wait for a provider's batch."""

    def of(self, slot: Slot) -> str:
        """The engine of a slot."""
        name: str = getattr(self, slot)
        return name
