"""How busy the machine is, and GPUs as NVIDIA's driver reports them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from core.services import machine


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    machine._gpus.cache_clear()
    yield
    machine._gpus.cache_clear()


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_looked", False)
    first, second = machine.look_at_machine(), machine.look_at_machine()
    assert first.cpu is None, "the first look has no time behind it"
    assert second.cpu is not None
    assert 0 <= second.cpu <= 1
    assert second.memory_total == psutil.virtual_memory().total
    assert 0 < second.memory_used < second.memory_total


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", init)
    assert machine.look_at_machine().gpus == ()


def test_gpus_and_what_one_does_not_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the driver: one GPU reports everything, one no power, one fell off the bus."""

    def handle(index: int) -> int:
        if index == 2:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    def power(device: int) -> int:
        if device == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 312_400

    driver = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 3,
        "nvmlDeviceGetHandleByIndex": handle,
        "nvmlDeviceGetName": lambda device: "NVIDIA H100 80GB HBM3",
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(used=61_000_000_000, total=80_000_000_000),
        "nvmlDeviceGetUtilizationRates": lambda device: SimpleNamespace(gpu=97, memory=40),
        "nvmlDeviceGetTemperature": lambda device, sensor: 64,
        "nvmlDeviceGetPowerUsage": power,
        "nvmlDeviceGetEnforcedPowerLimit": lambda device: 700_000,
    }
    for name, function in driver.items():
        monkeypatch.setattr(pynvml, name, function)
    first, second, lost = machine.look_at_machine().gpus
    assert first == machine.GpuUse(
        0, "H100 80GB HBM3", 0.97, 61_000_000_000, 80_000_000_000, 64.0, 312.4, 700.0
    )
    assert (second.power, second.power_limit) == (None, 700.0)
    assert lost == machine.GpuUse(2, "lost", None, None, None, None, None, None)
