"""Commands on a workspace of another machine: what they print, their exit codes, and what they may change."""

from __future__ import annotations

import getpass
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from tests.cli.conftest import PROGRAM, Program, end_processes, environment, make_program
from tests.remote.conftest import Remote, remote_environment
from tests.support import waiting
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.servers.ssh_server import SshServer, write_program
from tests.support.workspaces.filled_workspace import fill


@pytest.fixture(scope="module")
def study(server: SshServer) -> Path:
    """A workspace in the home folder there, with a name that shells and addresses must not take apart."""
    return fill(server.home / "it's a $tudy").root


def test_a_command_prints_and_ends_as_it_does_there(remote: Remote, study: Path) -> None:
    assert remote(study, "status", "--json").json == Program(study)("status", "--json").json
    assert remote(study, "winrates").out == Program(study)("winrates").out
    assert "No such option" in remote(study, "status", "--no-such", code=2).err
    failed = remote(study, "logs", "no-such-job", code=1)
    assert failed.err.startswith("empathy-tui on gpubox: ")
    assert failed.out == ""


def test_a_folder_is_absolute_or_in_a_home_folder(remote: Remote, study: Path, server: SshServer) -> None:
    user = f"{getpass.getuser()}@127.0.0.1:{server.port}"
    for address in ("ssh://gpubox/~/it's%20a%20$tudy", f"ssh://gpubox/{study}", f"ssh://{user}{study}"):
        assert remote(address, "status", "--json").json["workspace"] == str(study)
    assert "is not a folder" in remote("ssh://gpubox/no/such", "status", code=1).err


def test_nothing_changes_without_write(remote: Remote, study: Path) -> None:
    refused = remote(study, "pause", code=1)
    assert "open read-only: open it with --write" in refused.err
    assert remote(study, "status", "--json").json["paused"] is False
    outside = study.parent / "out"
    written = remote(study, "export", "llama-factory", str(outside))
    assert f"The files are on gpubox. To copy them here: scp -r gpubox:{outside} ." in written.err
    assert (outside / "dataset_info.json").is_file()
    assert "needs --write" in remote(study.parent / "new", "init", code=1).err
    remote(study.parent / "new", "--write", "init")
    assert (study.parent / "new" / "config.toml").is_file()


def test_where_the_program_is_missing_or_elsewhere(remote: Remote, study: Path, server: SshServer) -> None:
    missing = remote(study, "status", code=1, EMPATHY_REMOTE_COMMAND="empathy-tui-that-is-missing")
    assert "does not run on gpubox: install it there" in missing.err
    assert "empathy-tui-that-is-missing: not found" in missing.err
    # Where uv installs programs, and where a shell without a terminal may not look.
    folder = server.home / ".local" / "bin"
    folder.mkdir(parents=True)
    (folder / "empathy-elsewhere").symlink_to(server.program)
    remote(study, "--remote-command", "empathy-elsewhere", "status")
    remote(study, "--remote-command", "cd / && EMPATHY_X=1 empathy-elsewhere", "status")


def test_another_version_is_named_and_works(
    remote: Remote, study: Path, tmp_path: Path, server: SshServer
) -> None:
    script = f'[ "$1" = --version ] && echo empathy-tui, version 0.1.0 && exit; exec {server.program} "$@"'
    old = write_program(tmp_path / "old", script)
    found = remote(study, "status", "--json", EMPATHY_REMOTE_COMMAND=str(old))
    assert found.json["workspace"] == str(study)
    assert "gpubox has version 0.1.0, here is" in found.err


def test_machines_that_ssh_does_not_reach(remote: Remote, study: Path) -> None:
    stranger = remote(f"ssh://stranger{study}", "status", code=255)
    assert "Host key verification failed" in stranger.err
    assert "no connection to stranger" in stranger.err
    assert "Connection refused" in remote(f"ssh://gpubox:1{study}", "status", code=255).err
    assert "names no machine" in remote("ssh://-oProxyCommand=id/x", "status", code=2).err
    assert "names no folder" in remote("ssh://gpubox", "status", code=2).err
    assert "through ssh alone: write ssh://HOST/FOLDER" in remote("sftp://gpubox/x", "status", code=2).err
    assert "gpubox alone" in remote(study, "serve", code=1).err
    assert "ssh is not installed" in remote(study, "status", code=1, PATH="/nowhere").err


def test_the_doctor_examines_the_connection_first(remote: Remote, study: Path) -> None:
    checks = remote(study, "doctor", "--json", code=0).json
    assert [check["name"] for check in checks[:3]] == ["ssh", "empathy-tui", "Python"]
    assert "round trip" in checks[0]["found"]
    assert "on both machines" in checks[1]["found"]
    failed = remote(study, "doctor", code=1, EMPATHY_REMOTE_COMMAND="no-such-program").out.splitlines()
    assert failed[0].startswith("✓ ok   ssh: connected to gpubox")
    assert failed[1].startswith("✗ fail empathy-tui: `no-such-program` does not run on gpubox")
    (unreached,) = remote(f"ssh://stranger{study}", "doctor", "--json", code=1).json
    assert "Host key verification failed" in unreached["found"]


def test_the_work_goes_on_when_the_connection_breaks(server: SshServer, tmp_path: Path) -> None:
    there = make_program(server.home / "work")
    there("import", synthetic_csv(tmp_path / "made.csv"))
    paths = WorkspacePaths(there.root)
    command = [*PROGRAM, "--workspace", f"ssh://gpubox{there.root}", "--write", "run", "recipe", "--wait"]
    try:
        end_processes(there.root)
        with subprocess.Popen(
            command, env=remote_environment(server), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            waiting.wait_until(lambda: launch.is_running(paths)[1], "the supervisor", processes=(process,))
            supervisor = psutil.Process(launch.is_running(paths)[1])
            # Nothing can be done before the connection is gone.
            supervisor.send_signal(signal.SIGSTOP)
            server.end_connections()
            assert waiting.wait_for_exit(process) == 255
            assert process.stderr is not None
            assert "no connection to gpubox, or it broke" in process.stderr.read().decode()
        waiting.wait_until(lambda: not processes_on(there.root, "run"), "the command to end there")
        supervisor.send_signal(signal.SIGCONT)
        waiting.wait_until(
            lambda: (
                [job["state"] for job in there("status", "--json").json["jobs"] if job["stage"] == "recipe"]
                == ["done"]
            ),
            "the job",
        )
    finally:
        end_processes(there.root)


def test_a_command_ends_there_with_its_reader_here(server: SshServer, study: Path) -> None:
    command = [
        *PROGRAM,
        "--workspace",
        f"ssh://gpubox{study}",
        "logs",
        "--follow",
        "sft-dpo:smollm2/direct/chatgpt/sft-dpo",
    ]
    with subprocess.Popen(
        command, env=remote_environment(server), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert processes_on(study, "--follow")
        process.send_signal(signal.SIGINT)
        # As in a terminal, where the signal is for both.
        for child in psutil.Process(process.pid).children():
            child.send_signal(signal.SIGINT)
        try:
            assert waiting.wait_for_exit(process) == 130
        finally:
            process.kill()
    waiting.wait_until(lambda: not processes_on(study, "--follow"), "the command to end there")


def states(program: Program) -> list[str]:
    return [job["state"] for job in program("status", "--json").json["jobs"] if job["stage"] == "recipe"]


def processes_on(root: Path, word: str) -> list[psutil.Process]:
    """The program's processes on a workspace that have a word among their arguments."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if {str(root), word} <= {*(process.info["cmdline"] or ())}
    ]


def test_the_machines_of_the_configuration_complete_an_address(tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "more").mkdir(parents=True)
    (tmp_path / ".ssh" / "config").write_text("Include more/*\nHost gpubox *.lab !x\nhost=box2\n")
    (tmp_path / ".ssh" / "more" / "a").write_text('Host "inner"\n')
    ended = waiting.run(
        PROGRAM,
        env=environment(
            HOME=str(tmp_path),
            _EMPATHY_TUI_COMPLETE="zsh_complete",
            COMP_WORDS="empathy-tui --workspace ssh:",
            COMP_CWORD="2",
        ),
    )
    offered = ended.out.decode().split("\n")[1::3]
    assert offered == ["ssh://box2/", "ssh://gpubox/", "ssh://inner/"]
