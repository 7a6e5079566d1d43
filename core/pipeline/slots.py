"""Where a job with a local model runs, found without loading torch."""

from __future__ import annotations

import platform
from pathlib import Path

from core.domain.jobs import Slot

#: Made by NVIDIA's and AMD's drivers when there is a device.
_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))


def local_slot(device: str) -> Slot:
    """The slot for `device` as config.toml names it; `auto` is the GPU where there is one."""
    if device == "cpu":
        return "cpu"
    if device in ("cuda", "mps"):
        return "gpu"
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return "gpu" if apple or any(path.exists() for path in _DEVICES) else "cpu"
