"""Read-only: no command of the program changes a file of the workspace or starts a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from tests.cli.conftest import Program
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces import finished_workspace
from tests.support.workspaces.filled_workspace import job_id
from tui.cli.main import main

RUN = f"{finished_workspace.RUN}/sft"
COMPARISON = "human vs chatgpt @ gpt"
#: What each command gets; those that are left out serve until they are ended.
WORDS: dict[str, tuple[str, ...]] = {
    "demo": (),
    "init": (),
    "import": ("{csv}", "--yes"),
    "data": (),
    "data fetch": ("--yes", "--url", "http://127.0.0.1:9/none"),
    "config": (),
    "config diff": (),
    "config set": ("sft.seed", "7"),
    "config show": (),
    "config unset": ("judges.paper.swap",),
    "recipes": (),
    "prompts": (),
    "prompts check": (),
    "prompts diff": ("judge",),
    "prompts new": ("mine",),
    "prompts show": ("judge",),
    "run": ("recipe",),
    "status": (),
    "cancel": ("{job}",),
    "retry": ("{job}",),
    "pause": (),
    "resume": (),
    "batches": (),
    "batches adopt": ("batch_1", "--job", "{job}"),
    "batches cancel": ("{job}",),
    "batches refresh": ("{job}",),
    "batches retry": ("{job}",),
    "batches show": ("none",),
    "judge": (),
    "judge plan": (),
    "judge reparse": (),
    "judge validate": ("gpt",),
    "runs": (),
    "runs archive": (RUN,),
    "runs compare": (RUN, RUN),
    "runs delete": (RUN, "--yes"),
    "runs list": (),
    "runs note": (RUN, "text"),
    "runs tag": (RUN, "one"),
    "winrates": (),
    "winrates judges": (),
    "winrates ranking": (),
    "winrates recipes": (),
    "winrates seeds": (),
    "winrates show": (COMPARISON,),
    "winrates tests": (),
    "winrates votes": (),
    "report": (),
    "pairs": ("human", "chatgpt"),
    "vote": ("human", "chatgpt"),
    "chat": ("--prompt", "hello", "--json"),
    "logs": (),
    "export": (),
    "export llama-factory": ("{root}/out",),
    "publish": (RUN, "{root}/out"),
    "keys": (),
    "rebuild": ("--yes",),
    "doctor": (),
}
_SERVING = {"serve", "serve-model"}
#: They do nothing by themselves.
_GROUPS = {"config", "export", "judge"}


def _commands(command: click.Command, ctx: click.Context, name: str = "") -> Iterator[str]:
    if name:
        yield name
    if isinstance(command, click.Group):
        for word in command.list_commands(ctx):
            below = command.get_command(ctx, word)
            assert below is not None
            yield from _commands(below, ctx, f"{name} {word}".strip())


def _tree(root: Path) -> dict[str, bytes | None]:
    """Every file, but for the two that SQLite needs beside a database that is read."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if not path.name.startswith("state.db-")
    }


def test_every_command_is_tried() -> None:
    assert set(_commands(main, click.Context(main))) == WORDS.keys() | _SERVING


@pytest.mark.parametrize("kind", ["empty", "finished"])
def test_nothing_is_written_by_any_command(tmp_path: Path, kind: str) -> None:
    root, job = tmp_path / "study", "judge-0123456789"
    if kind == "empty":
        root.mkdir()
    else:
        workspace = finished_workspace.make(root)
        job = job_id(workspace, "compare", COMPARISON)
    csv = synthetic_csv(tmp_path / "other.csv", rows=12, seed=3)
    before, program = _tree(tmp_path), Program(root)
    for name, words in WORDS.items():
        given = [word.format(csv=csv, job=job, root=root) for word in words]
        ended = program("--read-only", *name.split(), *given, code=None, OPENAI_API_KEY="none")
        assert "Traceback" not in ended.err, (name, ended.err)
        assert ended.code != 2 or name in _GROUPS, (name, ended.err)
        assert _tree(tmp_path) == before, (name, ended)
        assert launch.is_running(WorkspacePaths(root)) == (False, None), name
