"""The program on a workspace of another machine: this one, through a real sshd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Finished, environment
from tests.support import waiting
from tests.support.servers import ssh_server
from tests.support.servers.ssh_server import SshServer

Remote = Callable[..., Finished]


@pytest.fixture(scope="session")
def server() -> Iterator[SshServer]:
    reason = ssh_server.reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    with ssh_server.ssh_server() as started:
        yield started


@pytest.fixture
def remote(server: SshServer) -> Remote:
    """Runs a command with a workspace's address, to its end; its exit code must be `code`."""

    def run(address: str | Path, *words: str, code: int = 0, **more: str) -> Finished:
        where = f"ssh://gpubox{address}" if isinstance(address, Path) else address
        ended = waiting.run([*PROGRAM, "--workspace", where, *words], env=remote_environment(server, **more))
        found = Finished(ended.code, ended.out.decode(), ended.err.decode())
        assert found.code == code, f"{words}: {found}"
        return found

    return run


def remote_environment(server: SshServer, **more: str) -> dict[str, str]:
    return environment(**({"PATH": server.path, "EMPATHY_REMOTE_COMMAND": str(server.program)} | more))
