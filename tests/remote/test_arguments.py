"""The program on another machine gets what was typed, whatever the folder, the arguments and the shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import PROGRAM
from tests.remote.conftest import remote_environment
from tests.support.servers.ssh_server import SshServer, write_program
from tui.remote import address
from tui.remote.command_line import command_line
from tui.remote.connection import ssh_words

SHELLS = ("sh", "bash", "dash", "zsh", "fish", "tcsh", "busybox")
HOSTILE = (
    *("$(touch owned)", "`id`", "a'b\"c", "\\", "!!", "\n", "~", "*", "ä \u202e", "-", "%b\\0101", "#"),
    "\udcff",
)
#: All that an argument may have: no zero byte; what is no UTF-8 arrives as surrogates.
WORDS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from("ab'\"\\$`!~*?[]{}()<>|&;#%^=: \n\t-ä"), max_size=12),
    st.binary(max_size=8).filter(lambda raw: b"\0" not in raw).map(os.fsdecode),
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prints its version, or else its arguments as JSON."""
    folder = tmp_path_factory.mktemp("program")
    script = folder / "arguments.py"
    script.write_text(
        "import json, sys\n"
        "from importlib.metadata import version\n"
        "print('empathy-tui, version ' + version('empathy-tui') if sys.argv[1:] == ['--version']"
        " else json.dumps(sys.argv[1:]))\n"
    )
    return write_program(folder / "program", f'exec {sys.executable} -I {script} "$@"')


def line(folder: str, words: list[str], program: Path) -> tuple[address.RemoteWorkspace, str]:
    workspace = address.parse("ssh://shared/" + quote(os.fsencode(folder)))
    return workspace, command_line(
        workspace, words, read_only=True, program=str(program), environment={"COLORTERM": "a b'$(id)"}
    )


@given(WORDS.filter(bool), st.lists(WORDS, max_size=12))
@settings(max_examples=12)
@example("it's \\ a $HOME", [*HOSTILE])
def test_arguments_arrive_through_ssh(
    server: SshServer, program: Path, folder: str, words: list[str]
) -> None:
    if folder.startswith("~") or not folder.strip("/"):
        folder = f"x{folder}"
    workspace, command = line(folder, words, program)
    # The connection is shared.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", server.path)
        called = ssh_words(workspace.host, command, ["-T"])
    ended = subprocess.run(called, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode == 0, ended
    assert json.loads(ended.stdout) == ["--read-only", "--workspace", f"/{folder.lstrip('/')}", *words]
    assert not ended.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_arguments_arrive_through_any_login_shell(shell: str, program: Path, tmp_path: Path) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    words = [*HOSTILE, "".join(HOSTILE)]
    _, command = line("it's \\ a $HOME!", words, program)
    called = [found, "sh", "-c", command] if shell == "busybox" else [found, "-c", command]
    ended = subprocess.run(called, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode == 0, ended
    assert json.loads(ended.stdout) == ["--read-only", "--workspace", "/it's \\ a $HOME!", *words]
    assert not [*tmp_path.iterdir()]


def test_input_and_output_are_those_of_the_command(server: SshServer, tmp_path: Path) -> None:
    script = "case $1 in --version) echo empathy-tui, version 0.1.0;; *) cat; echo err >&2; exit 7;; esac"
    copying = write_program(tmp_path / "copying", script)
    raw = bytes(range(256)) * 1000
    ended = subprocess.run(
        [*PROGRAM, "--workspace", "ssh://gpubox/x", "status"],
        input=raw,
        capture_output=True,
        env=remote_environment(server, EMPATHY_REMOTE_COMMAND=str(copying)),
        check=False,
    )
    assert ended.returncode == 7
    assert ended.stdout == raw
    assert ended.stderr.decode().splitlines()[1:] == ["err"]
    assert "gpubox has version 0.1.0, here is" in ended.stderr.decode()
