"""Checks of the way to a workspace on another machine."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version

from core.api import Check
from tui.remote.address import RemoteHost
from tui.remote.command_line import PROGRAM, version_command
from tui.remote.connection import ssh_words

#: Round trips that are measured.
_TRIPS = 5
#: Seconds of a round trip, above which keys are felt to lag.
_SLOW_S = 0.15


def examine_connection(host: RemoteHost, program: str) -> Iterator[Check]:
    """Check that ssh reaches the machine, how fast, and which version is there. Raises `UserError`."""
    words = ssh_words(host, version_command(program), ["-T"])
    start = time.monotonic()
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        found = process.stdout.readline()
        connected = time.monotonic() - start
        if not found:
            said = process.stderr.read().decode(errors="replace").strip()
            remedy = f"connect once by hand with `{host.ssh_command}`"
            yield Check("ssh", "fail", f"no connection to {host.name}: {said}", remedy)
            return
        trips = []
        for _ in range(_TRIPS):
            start = time.monotonic()
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            trips.append(time.monotonic() - start)
    trip = statistics.median(trips)
    yield Check(
        "ssh",
        "ok" if trip <= _SLOW_S else "warn",
        f"connected to {host.name} in {connected:.1f} s; round trip {1000 * trip:.1f} ms",
        None if trip <= _SLOW_S else "keys lag; commands do not",
    )
    yield _version(host, program, found.decode(errors="replace").strip())


def _version(host: RemoteHost, program: str, found: str) -> Check:
    here = version(PROGRAM)
    name, separator, there = found.rpartition(", version ")
    if not separator or name != PROGRAM:
        remedy = f"install it there, or name its command, as in --remote-command '~/venv/bin/{PROGRAM}'"
        return Check(PROGRAM, "fail", f"`{program}` does not run on {host.name}", remedy)
    if there != here:
        remedy = "install the same version on both machines"
        return Check(PROGRAM, "warn", f"{there} on {host.name}, {here} here", remedy)
    return Check(PROGRAM, "ok", f"{here} on both machines")
