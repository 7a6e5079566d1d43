"""Utilisation of this machine: processor, memory, GPUs.

It is independent of a workspace, whose workers may run on other machines.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class GpuUse:
    """One NVIDIA GPU. A value is None if the device does not report it."""

    index: int
    """Its number in the driver's order, from 0."""
    name: str
    """The model."""
    utilisation: float | None
    """Busy share, from 0 to 1."""
    memory_used: int | None
    """Used memory in bytes."""
    memory_total: int | None
    """All its memory in bytes."""
    temperature: float | None
    """Degrees Celsius."""
    power: float | None
    """Watts that it draws."""
    power_limit: float | None
    """Watts that it draws at most."""
    uuid: str | None = None
    """NVIDIA's name of it, which is the same after a restart."""
    operations: float | None = None
    """Floating point operations a second of its CUDA cores in float32."""


@dataclass(frozen=True)
class Machine:
    """The use of this machine."""

    host: str
    """The host's name."""
    cpu: float | None
    """Busy share of all cores since the last sample, from 0 to 1; None for the first."""
    cores: int
    """Number of logical cores."""
    memory_used: int
    """Used memory in bytes."""
    memory_total: int
    """All memory in bytes."""
    gpus: tuple[GpuUse, ...]
    """The GPUs of NVIDIA's driver; empty without the driver."""


def look_at_machine() -> Machine:
    """Sample the utilisation of this machine; takes 1–2 ms. For one thread at a time."""
    import psutil

    global _looked
    busy = psutil.cpu_percent() / 100
    cpu, _looked = (busy if _looked else None), True
    memory = psutil.virtual_memory()
    return Machine(
        host=platform.node(),
        cpu=cpu,
        cores=psutil.cpu_count() or 1,
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        gpus=tuple(_gpu(index) for index in range(_gpus())),
    )


#: psutil's first value is meaningless, because it covers no time.
_looked = False


@cache
def _gpus() -> int:
    """The number of GPUs that the driver reports."""
    import pynvml

    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:
        # No driver, or it does not respond.
        return 0


def _gpu(index: int) -> GpuUse:
    import pynvml

    device = _value_or_none(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    if device is None:
        return GpuUse(index, "lost", None, None, None, None, None, None)
    memory = _value_or_none(lambda: pynvml.nvmlDeviceGetMemoryInfo(device))
    rates = _value_or_none(lambda: pynvml.nvmlDeviceGetUtilizationRates(device))
    return GpuUse(
        index=index,
        name=_value_or_none(lambda: _name(device)) or "GPU",
        utilisation=None if rates is None else rates.gpu / 100,
        memory_used=None if memory is None else int(memory.used),
        memory_total=None if memory is None else int(memory.total),
        temperature=_value_or_none(
            lambda: float(pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU))
        ),
        power=_value_or_none(lambda: pynvml.nvmlDeviceGetPowerUsage(device) / 1000),
        power_limit=_value_or_none(lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(device) / 1000),
        uuid=_value_or_none(lambda: str(pynvml.nvmlDeviceGetUUID(device))),
        operations=_value_or_none(lambda: _operations(device)),
    )


def _operations(device: Any) -> float:
    import pynvml

    cores = pynvml.nvmlDeviceGetNumGpuCores(device)
    megahertz = pynvml.nvmlDeviceGetMaxClockInfo(device, pynvml.NVML_CLOCK_SM)
    # A core multiplies and adds in each cycle.
    return float(2 * cores * megahertz * 1_000_000)


def _name(device: Any) -> str:
    import pynvml

    return str(pynvml.nvmlDeviceGetName(device)).removeprefix("NVIDIA ")


def _value_or_none(ask: Callable[[], T]) -> T | None:
    """A value that a device reports; None if it does not."""
    import pynvml

    try:
        return ask()
    except pynvml.NVMLError:
        return None
