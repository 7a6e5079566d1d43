"""SSH servers that are known: fsspec would accept any."""

from __future__ import annotations

from pathlib import Path

from paramiko import HostKeys, MissingHostKeyPolicy, PKey, SSHClient, SSHException

_FILE = Path("~/.ssh/known_hosts")


class KnownHosts(MissingHostKeyPolicy):
    """Accepts a server whose key is in the user's known_hosts, and no other."""

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        file = _FILE.expanduser()
        known = HostKeys(str(file)) if file.exists() else HostKeys()
        if not known.check(hostname, key):
            raise SSHException(
                f"the {key.get_name()} key of {hostname} is not in {file}: add it with ssh-keyscan, once you "
                "know that it is right"
            )
