"""The user's own ssh, with their configuration, keys and agent: nothing of that is handled here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from core.api import UserError
from tui.remote.address import RemoteHost

#: What ssh itself exits with: it could not connect, or the connection broke.
NO_CONNECTION = 255
#: Where the user's configuration sets nothing, ssh would wait for a dead connection for many minutes.
_DEFAULTS = {
    "serveraliveinterval 0": "ServerAliveInterval=10",
    "connecttimeout none": "ConnectTimeout=15",
}


def ssh_words(host: RemoteHost, command: str, options: Sequence[str]) -> list[str]:
    """The command that runs another one on a machine.

    Raises `UserError` if ssh is not installed, or its configuration is invalid.
    """
    ssh = shutil.which("ssh")
    if ssh is None:
        raise UserError("ssh is not installed on this machine: install OpenSSH's client")
    # As scp does: a command and forwarded ports of the configuration are for sessions in a shell.
    fixed = ["-o", "RemoteCommand=none", "-o", "ClearAllForwardings=yes"]
    return [ssh, *fixed, *_unset_defaults(ssh, host), *options, *host.ssh_words, command]


def _unset_defaults(ssh: str, host: RemoteHost) -> list[str]:
    asked = subprocess.run(
        [ssh, "-G", *host.ssh_words], capture_output=True, text=True, errors="replace", check=False
    )
    if asked.returncode != 0:
        raise UserError(f"ssh does not accept {host}: {asked.stderr.strip()}")
    lines = asked.stdout.splitlines()
    return [word for line, option in _DEFAULTS.items() if line in lines for word in ("-o", option)]
