"""The slot of jobs with a local model, found without loading torch."""

from __future__ import annotations

import platform
from pathlib import Path

from core.domain.states import Slot

#: Device files that NVIDIA's and AMD's drivers create.
_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))


def local_slot(device: str) -> Slot:
    """The slot for `device` as named in config.toml; `auto` is the GPU if there is one."""
    if device == "cpu":
        return "cpu"
    if device in ("cuda", "mps"):
        return "gpu"
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return "gpu" if apple or any(path.exists() for path in _DEVICES) else "cpu"
