"""Packages and devices that some settings of a run need."""

from __future__ import annotations

from core.config.schema import Training
from core.domain.errors import UserError
from core.domain.packages import check_installed
from core.jobs.settings import RunSettings
from core.students.models import quantization

#: Optimizers that bitsandbytes provides, by the beginning of their names.
_BITSANDBYTES = ("paged_", "adamw_8bit", "adamw_bnb", "ademamix", "lion_", "rmsprop_bnb")


def check(settings: RunSettings, device: str) -> None:
    """Raise `UserError`, with what to do, if this machine cannot do what the settings name."""
    quantization.check(settings.student.quantization, device)
    training: Training = settings.training
    table = "sft" if settings.stage == "sft" else "dpo"
    if training.optim.startswith(_BITSANDBYTES):
        _needs_package(f'{table}.optim = "{training.optim}"', quantization.PACKAGE, device)
    if training.use_liger_kernel:
        _needs_package(f"{table}.use_liger_kernel", "liger-kernel", device)

    if training.extra.get("activation_offloading"):
        _needs_gpu(f"{table}.extra.activation_offloading", device)


def _needs_package(setting: str, package: str, device: str) -> None:
    _needs_gpu(setting, device)
    check_installed(package, setting)


def _needs_gpu(setting: str, device: str) -> None:
    if device != "cuda":
        raise UserError(f"{setting} needs a CUDA GPU, and the device is {device}: change it in config.toml")
