"""Read-only: no command of the program changes a file of the workspace or starts a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from tests.cli.conftest import Program
from tests.support.file_tree import contents
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces import finished_workspace
from tests.support.workspaces.filled_workspace import job_id
from tui.cli.main import main

RUN = f"{finished_workspace.RUN}/sft"
COMPARISON = "human vs chatgpt @ gpt"
#: What each command gets that changes something, writes files, or looks at much.
WORDS: dict[str, tuple[str, ...]] = {
    "demo": (),
    "init": (),
    "import": ("{csv}", "--yes"),
    "data fetch": ("--yes", "--url", "http://127.0.0.1:9/none"),
    "config set": ("sft.seed", "7"),
    "config unset": ("judges.paper.swap",),
    "prompts new": ("mine",),
    "run": ("recipe",),
    "status": (),
    "cancel": ("{job}",),
    "retry": ("{job}",),
    "pause": (),
    "resume": (),
    "batches adopt": ("batch_1", "--job", "{job}"),
    "batches cancel": ("{job}",),
    "batches refresh": ("{job}",),
    "batches retry": ("{job}",),
    "judge reparse": (),
    "judge validate": ("gpt",),
    "runs archive": (RUN,),
    "runs delete": (RUN, "--yes"),
    "runs note": (RUN, "text"),
    "runs tag": (RUN, "one"),
    "winrates": (),
    "report": (),
    "pairs": ("human", "chatgpt"),
    "vote": ("human", "chatgpt"),
    "chat": ("--prompt", "hello", "--json"),
    "logs": (),
    "export llama-factory": ("{root}/out",),
    "publish": (RUN, "{root}/out"),
    "rebuild": ("--yes",),
    "doctor": (),
}
#: Those of the others that print something, and those that serve until they are ended.
_READS = {
    *("config", "config diff", "config show", "prompts", "prompts check", "prompts diff", "prompts show"),
    *("data", "recipes", "batches", "batches show", "judge", "judge plan", "export", "keys"),
    *("runs", "runs compare", "runs list", "winrates judges", "winrates ranking", "winrates recipes"),
    *("winrates seeds", "winrates show", "winrates tests", "winrates votes"),
}
_SERVES = {"serve", "serve-model"}


def _commands(command: click.Command, ctx: click.Context, name: str = "") -> Iterator[str]:
    if name:
        yield name
    if isinstance(command, click.Group):
        for word in command.list_commands(ctx):
            below = command.get_command(ctx, word)
            assert below is not None
            yield from _commands(below, ctx, f"{name} {word}".strip())


def test_no_command_is_forgotten() -> None:
    assert set(_commands(main, click.Context(main))) == WORDS.keys() | _READS | _SERVES


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("kind", ["empty", "finished"])
def test_no_command_writes(tmp_path: Path, kind: str, name: str) -> None:
    root, job = tmp_path / "study", "judge-0123456789"
    if kind == "empty":
        root.mkdir()
    else:
        workspace = finished_workspace.make(root)
        job = job_id(workspace, "compare", COMPARISON)
    csv = synthetic_csv(tmp_path / "other.csv", rows=12, seed=3)
    before = contents(tmp_path)
    given = [word.format(csv=csv, job=job, root=root) for word in WORDS[name]]
    ended = Program(root)("--read-only", *name.split(), *given, code=None, OPENAI_API_KEY="none")
    assert "Traceback" not in ended.err, ended.err
    assert ended.code != 2, ended.err
    assert contents(tmp_path) == before, ended
    assert launch.is_running(WorkspacePaths(root)) == (False, None)
