"""What is imported on the way to the first screen, and by each command: nothing that takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.config.workspace import WorkspacePaths
from tests.cli.conftest import end_processes, environment
from tests.support import waiting
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces.filled_workspace import fill, job_id
from tui.cli.main import main

#: Libraries that take a tenth of a second or more to import, each.
HEAVY = frozenset(
    {
        *("torch", "transformers", "trl", "peft", "datasets", "accelerate", "safetensors", "gguf"),
        *("numpy", "pandas", "scipy", "sklearn", "statsmodels", "choix", "matplotlib", "tsdownsample"),
        *("openai", "google.genai", "anthropic", "httpx", "httpx2", "aiohttp"),
        *("sqlite_utils", "textual", "jinja2"),
    }
)

#: Makes the tables of state.db, once in a workspace's life; sqlite_utils imports pandas itself.
MIGRATION = {"sqlite_utils", "pandas", "numpy"}

#: Each command, and what its own job needs of HEAVY.
COMMANDS: list[tuple[list[str], set[str]]] = [
    (["--help"], set()),
    (["status"], set()),
    (["status", "--json"], set()),
    (["data"], set()),
    (["recipes"], set()),
    (["prompts"], set()),
    (["prompts", "show", "judge"], set()),
    (["run", "--help"], set()),
    # Builds the requests to judges, whose packages calculate with numpy.
    (["run", "--dry-run"], {"numpy"}),
    (["batches"], set()),
    (["winrates"], set()),
    (["winrates", "--json"], set()),
    (["winrates", "show", "JOB"], {"numpy", "scipy"}),
    # A Bradley-Terry fit.
    (["winrates", "ranking"], {"numpy", "scipy", "choix"}),
    (["winrates", "judges"], {"numpy", "scipy"}),
    (["winrates", "votes"], set()),
    # A paired permutation test.
    (["winrates", "tests"], {"numpy", "scipy"}),
    (["pairs", "human", "chatgpt"], set()),
    (["logs"], set()),
    # Lists the key bindings of every screen: it imports the app.
    (["keys"], {"textual", "numpy", "tsdownsample"}),
    (["export", "llama-factory", "OUT"], set()),
    (["pause"], set()),
    (["resume"], set()),
    (["init", "NEW"], MIGRATION),
    (["import", "CSV"], set()),
    (["judge", "--help"], set()),
    # Normal quantiles.
    (["judge", "plan"], {"numpy", "scipy"}),
    (["report", "--help"], set()),
    (["publish", "--help"], set()),
    (["vote", "--help"], set()),
    (["chat", "--help"], set()),
    (["chat", "--stop"], set()),
    (["serve", "--help"], set()),
    (["demo", "--help"], set()),
    (["doctor", "--help"], set()),
    # Estimates of runs, which say what a change means, pack sequences with numpy.
    (["config", "show"], {"numpy"}),
    (["cancel", "--help"], set()),
    (["retry", "--help"], set()),
    (["runs"], set()),
    (["serve-model", "--help"], set()),
    (["rebuild", "--help"], set()),
]

_COMMAND = """
import sys
from tui.cli.main import main
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""

_FIRST_SCREEN = """
import asyncio, sys
from core.api import open_workspace
from tui.app.application import EmpathyApp

async def show() -> None:
    app = EmpathyApp(open_workspace(sys.argv[1], read_only=True).paths)
    async with app.run_test(size=(120, 40)) as pilot:
        while app.snapshot is None:
            await pilot.pause(0.02)
        # The home screen's own questions to the store are answered by the time that a later one is.
        answers = []
        app.read("last", lambda workspace: workspace.pipeline.version(), answers.append)
        while not answers:
            await pilot.pause(0.02)

asyncio.run(show())
print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspacePaths]:
    """A workspace with jobs in every state, and nothing that a supervisor would do."""
    paths = fill(tmp_path_factory.mktemp("filled") / "study")
    paths.supervisor_log.write_text("one line\n")
    yield paths
    end_processes(paths.root)


def test_every_command_is_looked_at() -> None:
    assert {words[0] for words, _ in COMMANDS} - {"--help"} == set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize(("words", "needed"), COMMANDS, ids=lambda part: " ".join(sorted(part)))
def test_a_command_imports_what_its_job_needs(
    filled: WorkspacePaths, tmp_path: Path, words: list[str], needed: set[str]
) -> None:
    named = {
        "JOB": lambda: job_id(filled, "compare", "human vs chatgpt @ embedded"),
        "OUT": lambda: str(tmp_path / "out"),
        "NEW": lambda: str(tmp_path / "new"),
        "CSV": lambda: str(synthetic_csv(tmp_path / "made.csv")),
    }
    words = [named[word]() if word in named else word for word in words]
    loaded = _loaded(_COMMAND, "--workspace", str(filled.root), *words)
    assert "tui.cli.main" in loaded
    assert loaded & HEAVY <= needed


def test_the_first_screen_imports_no_library_that_takes_long(filled: WorkspacePaths) -> None:
    loaded = _loaded(_FIRST_SCREEN, str(filled.root))
    assert "tui.screens.home.screen" in loaded
    assert loaded & HEAVY == {"textual"}


def test_nothing_is_read_from_the_store_before_the_first_frame(filled: WorkspacePaths) -> None:
    code = """
import sys
import tui.cli.main
from core.api import open_workspace
from tui.app.application import EmpathyApp

EmpathyApp(open_workspace(sys.argv[1], read_only=True).paths)
print(*sorted(sys.modules), file=sys.stderr)
"""
    loaded = _loaded(code, str(filled.root))
    assert "tui.app.application" in loaded
    store = ("core.store", "core.pipeline", "core.jobs", "core.services.workspace_state")
    assert not {name for name in loaded if name.startswith(store)} | loaded & {"msgspec", "sqlite3"}


def test_the_facade_imports_a_part_when_it_is_used(filled: WorkspacePaths) -> None:
    code = """
import sys
from core.api import open_workspace
with open_workspace(sys.argv[1]) as workspace:
    {}
print(*sorted(sys.modules), file=sys.stderr)
"""
    parts = {
        f"core.services.{name}.reader" for name in ("pipeline", "data", "training", "evaluation", "spending")
    }
    parts.add("core.services.commands")
    assert not _loaded(code.format("pass"), str(filled.root)) & parts
    assert _loaded(code.format("workspace.pipeline.snapshot()"), str(filled.root)) & parts == {
        "core.services.pipeline.reader"
    }


def _loaded(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh process has imported by the end of `code`."""
    ended = waiting.run(
        [sys.executable, "-c", code, *arguments], env=environment(EMPATHY_SUPERVISOR_IDLE_S="0")
    )
    errors = ended.err.decode()
    assert ended.code == 0, errors
    return set(errors.splitlines()[-1].split())
