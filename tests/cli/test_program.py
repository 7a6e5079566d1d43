"""The program itself: help, versions, exit codes, terminals, pipes, and what it does not load."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

from tests.cli.conftest import PROGRAM, Program, environment
from tests.support import waiting
from tests.support.records.synthetic_dialogues import synthetic_csv
from tui.cli.main import main

COMMANDS = {
    *(
        "batches",
        "cancel",
        "chat",
        "config",
        "data",
        "demo",
        "doctor",
        "export",
        "import",
        "init",
        "logs",
        "pairs",
        "pause",
        "publish",
        "runs",
        "serve-model",
    ),
    *(
        "judge",
        "keys",
        "prompts",
        "rebuild",
        "recipes",
        "report",
        "resume",
        "retry",
        "run",
        "serve",
        "status",
        "vote",
        "winrates",
    ),
}
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


def in_terminal(command: list[str], *, answer: bytes = b"", **more: str) -> tuple[int, str]:
    """Run a command with a terminal as its input and output, typing `answer`; exit code and output."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        command, stdin=screen, stdout=screen, stderr=screen, env=environment(COLUMNS="100", **more)
    )
    os.close(screen)
    if answer:
        os.write(keyboard, answer)
    output = b""
    while True:
        try:
            read = os.read(keyboard, 65536)
        except OSError:
            # Linux says so when the other side is closed.
            break
        if not read:
            break
        output += read
    os.close(keyboard)
    return waiting.wait_for_exit(process), output.decode()


def test_help_names_every_command(program: Program) -> None:
    result = program("--help").out
    assert set(main.list_commands(Context(main))) == COMMANDS
    for name in sorted(COMMANDS):
        assert f"\n  {name} " in result
        shown = CliRunner().invoke(main, [name, "--help"])
        assert shown.exit_code == 0
        assert f"Usage: main {name}" in shown.output


def test_version(program: Program) -> None:
    lines = program("--version").out.splitlines()
    assert re.fullmatch(r"empathy-tui, version \d+\.\d+\.\d+", lines[0])
    libraries = {line.split()[0] for line in lines[1:]}
    assert {"Python", "torch", "transformers", "trl", "peft", "openai", "textual"} <= libraries


def test_help_is_whole_and_says_how_completion_is_installed(program: Program) -> None:
    text = program("--help").out
    assert "…" not in text
    assert "..." not in text.partition("Commands:")[2]
    assert "_EMPATHY_TUI_COMPLETE=bash_source empathy-tui" in text


def test_a_typo_in_a_command_is_answered_with_what_was_meant() -> None:
    for words, meant in (("statsu", "status"), ("winrates rankng", "ranking"), ("wnrates", "winrates")):
        refused = CliRunner().invoke(main, words.split())
        assert refused.exit_code == 2
        assert f"Did you mean {meant}?" in refused.output
    refused = CliRunner().invoke(main, ["config", "sft.max_steps", "3"])
    assert "config are diff, set, show, unset." in refused.output


def test_an_invalid_value_is_refused_with_the_name_of_its_option() -> None:
    refused = CliRunner().invoke(main, ["pairs", "human", "chatgpt", "--limit", "x"])
    assert refused.exit_code == 2
    assert "Invalid value for '--limit': 'x' is not a valid integer range." in refused.stderr


@pytest.mark.parametrize(
    "words", [["{}"], ["prompts", "{}"], ["--{}"], ["status", "--{}"], ["pairs", "a", "b", "{}"]]
)
def test_words_that_are_refused_cannot_steer_the_terminal(words: list[str]) -> None:
    refused = CliRunner().invoke(main, [word.format("x\x1b]0;owned\x07\u202e\x9b31m") for word in words])
    assert refused.exit_code == 2
    assert "owned" in refused.stderr
    assert not set(refused.stderr) & set("\x1b\x07\u202e\x9b")


def test_a_folder_out_of_place_is_answered_with_the_option_that_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "study"
    workspace.mkdir()
    (workspace / "config.toml").touch()
    monkeypatch.chdir(tmp_path)
    for words in ("status study", "study", "winrates --json study", f"status {workspace}"):
        refused = CliRunner().invoke(main, words.split())
        assert refused.exit_code == 2
        assert f"Did you mean --workspace {words.split()[-1]}?" in refused.stderr
    for words in ("run study", "run --dry-run study", "cancel study", f"winrates show {workspace}"):
        refused = CliRunner().invoke(main, words.split())
        assert refused.exit_code == 1
        assert f"Did you mean --workspace {words.split()[-1]}?" in refused.stderr
    refused = CliRunner().invoke(main, ["import", "study"])
    assert "--workspace" not in refused.stderr
    refused = CliRunner().invoke(main, ["status", "nowhere"])
    assert "--workspace" not in refused.stderr


def test_the_workspace_may_be_named_after_the_command(program: Program, tmp_path: Path) -> None:
    elsewhere = Program(tmp_path)
    for words in (
        ("status", "--json", "--workspace", str(program.root)),
        ("status", f"--workspace={program.root}", "--json"),
    ):
        result = CliRunner().invoke(main, ["--workspace", str(elsewhere.root), *words])
        assert str(program.root) in result.output


def test_a_watched_status_ends_when_nothing_runs(program: Program) -> None:
    assert "no data yet" in program("status", "--watch").out
    assert "--watch is for people" in program("status", "--watch", "--json", code=2).err


@pytest.mark.parametrize("words", [("nonsense",), ("pairs", "human"), ("run", "--nonsense"), ("cancel",)])
def test_what_is_not_understood_exits_with_2(program: Program, words: tuple[str, ...]) -> None:
    refused = program(*words, code=2)
    assert "Usage:" in refused.err
    assert refused.out == ""


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    refused = Program(tmp_path / "none")("status", code=1)
    assert "empathy-tui init" in refused.err


def test_the_environment_names_the_workspace(program: Program) -> None:
    result = subprocess.run(
        [*PROGRAM, "status", "--json"],
        env=environment(EMPATHY_WORKSPACE=str(program.root)),
        capture_output=True,
        check=True,
    )
    assert str(program.root).encode() in result.stdout


def test_without_a_terminal_the_status_stands_for_the_app(program: Program) -> None:
    result = program()
    assert "no terminal" in result.err
    assert "no data yet" in result.out


def test_an_empty_workspace_answers_every_question(program: Program) -> None:
    status = program("status", "--json").json
    assert status == {
        "workspace": str(program.root),
        "dialogues": {"total": 0, "train": 0, "test": 0},
        "supervisor": {"running": False, "pid": None},
        "paused": False,
        "slots": [
            {"name": "gpu", "used": 0, "total": 1},
            {"name": "cpu", "used": 0, "total": 1},
            {"name": "api", "used": 0, "total": 1},
            {"name": "batch", "used": 0, "total": 32},
        ],
        "config_error": None,
        "engines": [],
        "jobs": [],
    }
    assert program("winrates", "--json").json == []
    assert "no comparison" in program("winrates").out
    for words in (("logs",), ("run",), ("pairs", "a", "b"), ("cancel", "x"), ("retry", "x"), ("logs", "x")):
        refused = program(*words, code=1)
        assert refused.err.startswith("empathy-tui: ")
        assert "Traceback" not in refused.err


def test_a_broken_configuration_is_shown_and_stops_only_what_needs_it(
    program: Program, tmp_path: Path
) -> None:
    program("import", synthetic_csv(tmp_path / "made.csv"))
    (program.root / "config.toml").write_text("[sft]\nlearning_rate = 'fast'\n")
    assert "sft.learning_rate" in program("status", "--json", code=1).json["config_error"]
    # What can be shown without it is shown; the exit code says that something is wrong.
    for words in (
        ("status",),
        ("winrates",),
        ("winrates", "judges"),
        ("batches",),
        ("run",),
        ("recipes",),
        ("prompts", "diff"),
        ("keys",),
    ):
        assert "sft.learning_rate" in program(*words, code=1).err
    assert "train" in program("status", code=1).out
    # An error that follows from it names it too.
    assert "sft.learning_rate" in program("pairs", "tiny", "human", code=1).err
    doctor = program("doctor", "--json", code=1)
    assert [c["name"] for c in doctor.json if c["outcome"] == "fail"] == ["config.toml"]
    # What only the supervisor finds, once it looks at the data.
    (program.root / "config.toml").write_text('[recipes]\nseed = 1\ntrain = ["direct/chatgtp"]\n')
    assert "config.toml, line 3: recipes.train: " in program("run", code=1).err


def test_a_broken_store_is_named(program: Program) -> None:
    (program.root / "state.db").write_bytes(b"no database" * 100)
    refused = program("status", code=1)
    assert "state.db" in refused.err
    assert "Traceback" not in refused.err


def test_a_folder_in_place_of_the_store_is_named(program: Program) -> None:
    (program.root / "state.db").unlink()
    (program.root / "state.db").mkdir()
    refused = program("status", code=1)
    assert "state.db is a folder, not a file: move it away" in refused.err


def test_colours_are_for_terminals_that_want_them(program: Program, tmp_path: Path) -> None:
    program("import", synthetic_csv(tmp_path / "made.csv"))
    program("run", "recipe", "--wait")
    command = program.command("status")
    code, shown = in_terminal(command)
    assert code == 0
    assert COLOUR.search(shown)
    _, plain = in_terminal(command, NO_COLOR="1")
    assert "direct/chatgpt" in plain
    assert not COLOUR.search(plain)
    assert "\x1b" not in program("status").out


def test_a_terminal_is_asked_before_data_is_replaced(program: Program, tmp_path: Path) -> None:
    program("import", synthetic_csv(tmp_path / "made.csv"))
    other = synthetic_csv(tmp_path / "other.csv", rows=40)
    code, shown = in_terminal(program.command("import", other), answer=b"n\n")
    assert code == 1
    assert "8 dialogues removed" in shown
    assert program("status", "--json").json["dialogues"]["total"] == 48
    code, _ = in_terminal(program.command("import", other), answer=b"y\n")
    assert code == 0
    assert program("status", "--json").json["dialogues"]["total"] == 40


def test_a_terminal_without_the_characters_shows_others(program: Program, tmp_path: Path) -> None:
    program("import", synthetic_csv(tmp_path / "made.csv"))
    shown = program("status", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "? not started" in shown.out


def test_a_reader_that_leaves_early_is_no_error(program: Program, tmp_path: Path) -> None:
    program("import", synthetic_csv(tmp_path / "made.csv", rows=400))
    process = subprocess.Popen(
        program.command("pairs", "human", "chatgpt", "--json"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    waiting.wait_for_exit(process)


def test_the_doctor_finds_this_machine_fit(program: Program) -> None:
    secret = "sk-do-not-show-this"
    result = program("doctor", OPENAI_API_KEY=secret)
    assert secret not in result.out + result.err
    assert "OPENAI_API_KEY: set" in result.out
    checks = program("doctor", "--json", OPENAI_API_KEY=secret)
    assert secret not in checks.out
    found = {check["name"]: check for check in checks.json}
    assert {"Python", "torch", "device", "SQLite", "config.toml", "workspace: disk"} <= set(found)
    assert found["embedded judge"]["outcome"] == found["embedded student"]["outcome"] == "ok"
    assert all(set(check) == {"name", "outcome", "found", "remedy"} for check in found.values())
    assert all(check["remedy"] for check in found.values() if check["outcome"] != "ok")


def test_the_doctor_knows_the_embedded_models_by_their_names() -> None:
    from core.judging.embedded import sentence_embeddings
    from core.services.doctor import machine_checks

    assert machine_checks.EMBEDDED_JUDGE[0] == sentence_embeddings._PACKAGE
