"""chat: one question for scripts, its refusals, and a conversation in a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.api import WorkspacePaths, open_workspace
from core.playground import process
from tests import loopback
from tests.cli.conftest import Program, environment
from tests.loopback import Api
from tests.support import waiting
from tests.support.servers import large_models
from tests.support.workspaces import playground_workspace
from tests.support.workspaces.playground_workspace import BASE, SFT


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, api: Api) -> Iterator[Program]:
    """A workspace whose process the first question starts; it answers those of all tests."""
    workspace = playground_workspace.make(tmp_path_factory.mktemp("made") / "study")
    large_models.add(workspace, api.url)
    yield Program(workspace.root)
    playground_workspace.end(workspace)


def test_a_script_gets_each_answer_and_the_process_stays(program: Program, tmp_path: Path) -> None:
    asked = ("chat", BASE, SFT, "--situation", "I moved.", "--prompt", "It is so quiet.", "--json")
    first = program(*asked).json
    before = process.running(WorkspacePaths(program.root))
    second = program(*asked, "--temperature", "1.5", "--seed", "3", "--max-new-tokens", "5").json
    assert process.running(WorkspacePaths(program.root)) == before is not None
    assert [answer["responder"] for answer in first["answers"]] == [BASE, SFT]
    assert first["sampling"]["do_sample"] is False
    assert (second["sampling"]["temperature"], second["sampling"]["seed"]) == (1.5, 3)
    assert all(answer["tokens"] <= 5 for answer in second["answers"])
    out = program("chat", "--export", tmp_path / "out.jsonl").out
    assert out == f"Wrote 2 turns to {tmp_path / 'out.jsonl'}.\n"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    shown = program("chat", SFT, "--dialogue", "random").out
    assert re.search(r"Situation  .+\nUtterance  .+\n\n" + SFT, shown)
    assert "tokens/s" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("nobody", "--prompt", "x"), "no student, run or teacher is named 'nobody'"),
        ((playground_workspace.UNTRAINED, "--prompt", "x"), "is not trained yet"),
        ((), "there is no terminal to type in"),
        (("--dialogue", "random", "--prompt", "x"), "leave out --situation and --prompt"),
        (("--dialogue", "none"), "the data has no dialogue 'none'"),
    ],
)
def test_what_cannot_be_asked_says_why(program: Program, words: tuple[str, ...], error: str) -> None:
    ended = program("chat", *words, code=1)
    assert error in ended.err
    assert ended.out == ""


def test_a_teacher_is_paid_and_a_judge_compares(
    program: Program, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    api.faults.content = lambda text: "say:1" if "Response 1:" in text else None
    asked = ("chat", SFT, "gpt", "--prompt", "It is so quiet.", "--judge", "large")
    refused = program(*asked, code=1)
    assert "gpt: nothing was sent: there is no terminal to ask in; confirm with --yes" in refused.err
    assert not api.paid
    found = program(*asked, "--keep", "--yes", "--json").json
    teacher = found["turn"]["answers"][1]
    assert (teacher["responder"], teacher["usd"] > 0) == ("gpt", True)
    assert [one[:2] for one in found["opinion"]["verdicts"]] == [["ab", "a"], ["ba", "b"]]
    assert found["opinion"]["winner"] == "tie"
    (run,) = [one["run"] for one in program("runs", "--json").json if one["run"]["name"] == SFT]
    assert run["notes"]["note"].startswith("“It is so quiet.” → “")
    refused = program("chat", SFT, "--prompt", "x", "--judge", "large", code=1)
    assert "name 2 responders, not 1" in refused.err


def test_a_read_only_workspace_is_refused(program: Program) -> None:
    command = program.command("chat", BASE, "--prompt", "x")
    command.insert(command.index("chat"), "--read-only")
    ended = waiting.run(command, env=environment())
    assert ended.code == 1
    assert b"read-only" in ended.err


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command: list[str]) -> None:
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment(), start_new_session=True
        )
        os.close(slave)
        self.shown = b""

    def enter(self, text: str) -> None:
        """Type a line. What was shown before is not looked at again."""
        self.shown = b""
        os.write(self.master, text.encode() + b"\n")

    def until(self, pattern: str) -> None:
        """Wait until it shows something."""

        def is_shown() -> bool:
            with suppress(BlockingIOError):
                self.shown += os.read(self.master, 1 << 16)
            return re.search(pattern.encode(), self.shown, re.DOTALL) is not None

        waiting.wait_until(
            is_shown,
            pattern,
            processes=[self.child],
            progress=lambda: len(self.shown),
            show=lambda: self.shown.decode(errors="replace"),
        )


def test_a_conversation_in_a_terminal(program: Program) -> None:
    terminal = Terminal(program.command("chat", SFT, "--max-new-tokens", "1500", "--temperature", "3"))
    terminal.until("Situation")
    terminal.enter("I moved.")
    terminal.until("> ")
    for _ in range(2):
        terminal.enter("It is so quiet.")
        terminal.until(f"{SFT}.{{40}}")
        os.kill(terminal.child.pid, signal.SIGINT)
        terminal.until("tokens/s.*> ")
    # One that comes after the last token does not end the conversation.
    os.kill(terminal.child.pid, signal.SIGINT)
    terminal.until("nothing left to stop.*> ")
    terminal.enter("")
    assert waiting.wait_for_exit(terminal.child) == 0
    os.close(terminal.master)
    turns = open_workspace(program.root).playground.history().turns
    assert [turn.number for turn in turns[-2:]] == [1, 2]


def test_the_process_ends_when_it_is_told(program: Program) -> None:
    program("chat", BASE, "--prompt", "It is so quiet.")
    assert program("chat", "--stop").out == "The playground ends.\n"
