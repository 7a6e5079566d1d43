"""Output that cannot be written is an error in one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Program, environment

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("words", [("status",), ("--help",)], ids=str)
def test_output_to_a_full_disk(program: Program, words: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(
            program.command(*words), env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.decode().strip() == "empathy-tui: the disk is full: free some space, then retry"
