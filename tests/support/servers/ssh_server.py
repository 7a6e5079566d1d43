"""A real sshd on loopback, as an ordinary process of this user, and an `ssh` whose configuration names it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support import waiting

ROOT = Path(__file__).resolve().parents[3]
#: sshd is often in a folder that users do not search.
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
#: An sshd of root keeps to a folder that a package makes when the system starts.
_EMPTY = Path("/run/sshd")

_SERVER = """ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
SetEnv HOME={folder}/home
StrictModes no
PidFile none
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
"""
_CLIENT = """Host gpubox shared stranger
  HostName 127.0.0.1
Host gpubox shared stranger 127.0.0.1
  Port {port}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {folder}/known_hosts
Host stranger
  HostKeyAlias stranger
Host shared
  ControlMaster auto
  ControlPath {folder}/%C
  ControlPersist yes
"""


def reason_to_skip() -> str | None:
    """Why no server can be started here."""
    if SSHD is None or shutil.which("ssh") is None:
        return "sshd or ssh is not installed"
    if os.geteuid() == 0:
        with suppress(OSError):
            _EMPTY.mkdir(mode=0o755, exist_ok=True)
        if not _EMPTY.is_dir():
            return f"sshd needs {_EMPTY}"
    return None


@dataclass(frozen=True)
class SshServer:
    """The machine `gpubox`: this one, with another home folder, where the program is `program`.

    Connections to `shared` use one connection. The key of `stranger` is not the one that is known.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def program(self) -> Path:
        """The program as a file that can be executed."""
        return self.folder / "far"

    @property
    def path(self) -> str:
        """The PATH on which `ssh` knows the machine."""
        return f"{self.folder}/bin:{os.environ['PATH']}"

    def connections(self) -> list[psutil.Process]:
        """The server's processes for its connections."""
        found: list[psutil.Process] = psutil.Process(self.process.pid).children()
        return found

    def end_connections(self) -> None:
        """Break every connection, as when the network is gone for long."""
        for process in self.connections():
            with suppress(psutil.NoSuchProcess):
                for child in (*process.children(), process):
                    if child.name() == "sshd":
                        child.kill()


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    assert SSHD is not None
    # A socket's path may not be as long as pytest's folders are.
    with tempfile.TemporaryDirectory(prefix="ssh") as name:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        for key in ("host_key", "key", "other_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True
            )
        hosts = [(f"[127.0.0.1]:{port}", "host_key"), ("stranger", "other_key")]
        (folder / "known_hosts").write_text(
            "".join(f"{host} {(folder / f'{key}.pub').read_text()}" for host, key in hosts)
        )
        (folder / "sshd_config").write_text(_SERVER.format(port=port, folder=folder))
        (folder / "config").write_text(_CLIENT.format(port=port, folder=folder))
        for part in ("bin", "home"):
            (folder / part).mkdir()
        ssh = shutil.which("ssh")
        write_program(folder / "bin" / "ssh", f'exec {ssh} -F {folder}/config "$@"')
        write_program(folder / "far", f'PYTHONPATH={ROOT} exec {sys.executable} -m tui "$@"')
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
        server = SshServer(folder, port, process)
        try:
            waiting.wait_until(
                lambda: _accepts(port), "sshd", processes=(process,), show=(folder / "log").read_text
            )
            yield server
        finally:
            subprocess.run(
                [str(folder / "bin" / "ssh"), "-O", "exit", "shared"], capture_output=True, check=False
            )
            server.end_connections()
            process.terminate()
            process.wait()


def write_program(path: Path, script: str) -> Path:
    """A program of a POSIX shell."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
