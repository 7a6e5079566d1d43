"""A Slurm of two nodes on this machine, without accounting: Debian's `slurm-wlm` and `munge`, as root.

    python -m tests.support.servers.slurm_loopback FOLDER COMMAND…

runs a command with it. Jobs in the partition `high` preempt those in `low`, which is the default.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from tests.support import waiting

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_NODES = ("n1", "n2")
#: Seconds between two looks, each of which starts a process.
_PAUSE_S = 0.2


def missing() -> str | None:
    """Why there can be no Slurm here; None if there can."""
    absent = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if absent:
        return f"Slurm is not installed ({', '.join(absent)}): `apt-get install slurm-wlm munge`"
    return None if os.geteuid() == 0 else "only root can start Slurm's daemons"


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Run Slurm with its files in `folder`; the environment variables of its commands."""
    run = folder / "run"
    for name in ("run", "state", "spool"):
        (folder / name).mkdir(parents=True, mode=0o755)
    key = folder / "munge.key"
    key.touch(0o400)
    key.write_bytes(secrets.token_bytes(1024))
    (folder / "slurm.conf").write_text(_configuration(folder))
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _PATH}
    states = partial(_printed, "sinfo", "-h", "-o", "%T", environment=environment)
    jobs = partial(_printed, "squeue", "-h", "-o", "%i %T", environment=environment)
    try:
        _start(
            "munged",
            "--force",
            f"--socket={run}/munge.sock",
            f"--key-file={key}",
            f"--pid-file={run}/munged.pid",
            f"--log-file={folder}/munged.log",
            f"--seed-file={run}/munge.seed",
            environment=environment,
        )
        _start("slurmctld", "-c", environment=environment)
        for node in _NODES:
            _start("slurmd", "-c", "-N", node, environment=environment)
        # Its logs and its state grow whether or not it gets anywhere.
        waiting.wait_until(
            lambda: set(states().split()) == {"idle"},
            "the nodes to be idle",
            progress=states,
            show=lambda: "".join(path.read_text() for path in folder.glob("*.log")),
            pause_s=_PAUSE_S,
        )
        yield environment
        subprocess.run(["scancel", "--user", "root"], env=os.environ | environment)
        waiting.wait_until(lambda: not jobs(), "the jobs to end", progress=jobs, pause_s=_PAUSE_S)
    finally:
        for name in ("slurmctld.pid", *(f"slurmd-{node}.pid" for node in _NODES), "munged.pid"):
            with suppress(OSError, ValueError, psutil.NoSuchProcess):
                daemon = psutil.Process(int((run / name).read_text()))
                daemon.terminate()
                # It writes its state until it ends.
                with suppress(psutil.TimeoutExpired):
                    daemon.wait(waiting.STALL_S)
                daemon.kill()


def _start(*command: str, environment: dict[str, str]) -> None:
    """Start a daemon, which must not keep the output of this process open."""
    nothing = subprocess.DEVNULL
    subprocess.run(command, check=True, env=os.environ | environment, stdout=nothing, stderr=nothing)


def _printed(*command: str, environment: dict[str, str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment).stdout


def _configuration(folder: Path) -> str:
    host = socket.gethostname().partition(".")[0]
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        ports = []
        for listener in (one, two, three):
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN"
        for name, port in zip(_NODES, ports[1:], strict=True)
    )
    return f"""
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
ReturnToService=2
KillWait=5
{nodes}
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime=30 MaxTime=INFINITE State=UP
PartitionName=high Nodes=ALL PriorityTier=2 PreemptMode=OFF State=UP
"""


def main() -> int:
    with slurm(Path(sys.argv[1]).resolve()) as environment:
        return subprocess.run(sys.argv[2:], env=os.environ | environment).returncode


if __name__ == "__main__":
    sys.exit(main())
