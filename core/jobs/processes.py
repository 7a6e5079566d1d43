"""Distinguishing processes that had the same id one after the other, and what signals mean to a worker."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

#: Signals by which a worker saves what there is and gives its slot back, as `core.pipeline.workers.worker`
#: says. Submitit has Slurm send SIGUSR2, which every process of a job gets.
GIVE_BACK = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(pid: int) -> str | None:
    """What identifies a process of this machine for ever: its boot, and when the process started.

    None if there is no such process, or it has ended and nobody has waited for it yet.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _identity_by_library(pid)
    # The name, in parentheses, may hold spaces. Of the fields after it, the 1st is the state and the 20th
    # the start, in ticks since the boot.
    fields = status[status.rindex(b")") + 1 :].split()
    return None if fields[0] in (b"Z", b"X") else f"{boot}:{int(fields[19])}"


def _identity_by_library(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def has_open(pid: int, path: Path) -> bool:
    """Whether a process of this machine has the file at `path` open, as far as that can be known."""
    with suppress(OSError):
        wanted = path.stat()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    return False
