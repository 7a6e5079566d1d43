"""A workspace with a teacher behind the loopback API, and the processes that work on it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from core.pipeline.workers import worker
from core.services.workspace import Workspace, open_workspace
from core.store import connections, intents
from core.store.dialogues import dialogues as data
from tests.loopback import KEY
from tests.support import waiting
from tests.support.processes import dying_worker, supervising
from tests.support.processes.forking import ForkedProcess, Loaded, preload
from tests.support.records.synthetic_dialogues import synthetic_dialogues

preload(
    __name__,
    "core.recipes.recipe_job",
    "core.teachers.anthropic.client",
    "core.teachers.generate_job",
    "core.teachers.batches.collection",
    "core.teachers.batches.polling",
    "core.teachers.google.client",
    "core.teachers.live.sessions",
    "core.teachers.openai.client",
    # What the providers' libraries load at the first call.
    "anyio._backends._asyncio",
    "httpcore2",
    "openai.resources.batches",
    "openai.resources.chat.completions",
    "openai.resources.files",
)

CONFIG = """
[teachers.gpt]
provider = "{provider}"
base_url = "{url}"
model = "{model}"
mode = "{mode}"
poll_min_s = 0.05
poll_max_s = 0.2
{teacher}
[recipes]
train = {recipes}
[slots]
cpu = 2
api = 4
{more}
"""

MODELS = {"openai": "gpt-4o", "google": "gemini-2.0-flash", "anthropic": "claude-haiku-4-5"}


class TeacherWorkspace:
    """One workspace under test."""

    def __init__(
        self,
        root: Path,
        url: str,
        recipes: Sequence[str] = ("improve-human/naive",),
        *,
        mode: str = "batch",
        teacher: str = "",
        more: str = "",
        dialogues: Sequence[Dialogue] | None = None,
        provider: str = "openai",
        loaded: Loaded = "program",
    ) -> None:
        """`loaded` is what its workers need: most of them no models."""
        root.mkdir(parents=True, exist_ok=True)
        self.workspace = WorkspacePaths(root)
        self.provider = provider
        self.loaded = loaded
        self.configure(url, recipes, mode=mode, teacher=teacher, more=more)
        found = list(dialogues or synthetic_dialogues(rows=16))
        self.train = [d for d in found if d.split == "train"]
        self.import_(found)

    def configure(
        self, url: str, recipes: Sequence[str], *, mode: str = "batch", teacher: str = "", more: str = ""
    ) -> None:
        text = CONFIG.format(
            provider=self.provider,
            model=MODELS[self.provider],
            url=url,
            mode=mode,
            teacher=teacher,
            recipes=json.dumps(list(recipes)),
            more=more,
        )
        self.workspace.config.write_text(text)

    def import_(self, dialogues: Sequence[Dialogue]) -> None:
        imported = staging.describe(dialogues, "made.csv", "0" * 64)
        staging.stage(self.workspace, dialogues, imported)
        with (
            closing(connections.writer(self.workspace.state)) as connection,
            connections.transaction(connection),
        ):
            data.replace(connection, imported, dialogues)

    def ask(self, request: intents.IntentRequest) -> int:
        with closing(connections.writer(self.workspace.state)) as connection:
            return intents.add(connection, request)

    def supervise(self, *, key: str = KEY, dying: bool = False) -> ForkedProcess:
        environment = os.environ | {
            "EMPATHY_SUPERVISOR_IDLE_S": "0",
            "OPENAI_API_KEY": key,
            "GEMINI_API_KEY": key,
            "ANTHROPIC_API_KEY": key,
        }
        return ForkedProcess(
            supervising.supervise,
            self.workspace,
            dying_worker.main if dying else worker.main,
            out=self.workspace.root / "supervisor.out",
            environment=environment,
            loaded=self.loaded,
        )

    def run(self, *targets: str, key: str = KEY) -> None:
        """Ask for the work (all recipes for none named), and wait until nothing more can be done."""
        self.ask(intents.Start(targets or ("recipe",)))
        assert self.finish(key=key) == 0, self.story()

    def finish(self, *, key: str = KEY, dying: bool = False) -> int:
        """Supervise until idle or killed; the exit code."""
        return self.wait(self.supervise(key=key, dying=dying))

    def wait(self, supervisor: ForkedProcess) -> int:
        """Wait for a supervisor to end; its exit code."""
        return waiting.wait_for_exit(supervisor, progress=self._progress(supervisor), show=self.story)

    def until(self, holds: Callable[[], bool], *supervisors: ForkedProcess) -> None:
        """Wait for what these supervisors and their workers bring about."""
        waiting.wait_until(
            holds,
            "the work to go on",
            progress=self._progress(*supervisors),
            processes=supervisors,
            show=self.story,
        )

    def _progress(self, *supervisors: ForkedProcess) -> waiting.Progress:
        """What is written, and what workers compute: a local model loads for long without a word."""
        return waiting.any_of(
            waiting.file_sizes(self.workspace.root),
            waiting.cpu_time(*supervisors, children_only=True),
        )

    def query(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        with closing(connections.reader(self.workspace.state)) as connection:
            return [tuple(row) for row in connection.execute(sql, arguments)]

    def states(self) -> dict[str, str]:
        return dict(self.query("SELECT stage || ':' || name, state FROM jobs ORDER BY rowid"))

    def error(self, name: str) -> str:
        return str(self.query("SELECT error FROM jobs WHERE stage || ':' || name = ?", name)[0][0])

    def job(self, name: str) -> str:
        return str(self.query("SELECT id FROM jobs WHERE stage || ':' || name = ?", name)[0][0])

    def answers(self, name: str = "improve-human/naive") -> list[dict[str, str]]:
        """The lines of a finished set of answers."""
        ((path,),) = self.query(
            "SELECT path FROM artifacts WHERE job = ? AND name = 'answers'", self.job(f"generate:{name}")
        )
        return [json.loads(line) for line in (self.workspace.root / path).open()]

    def submissions(self) -> list[tuple[str, int]]:
        """(state, requests) of every submission, in order."""
        rows = self.query("SELECT state, requests FROM submissions ORDER BY submitted_at")
        return [(str(state), int(requests)) for state, requests in rows]

    def until_in_progress(self) -> None:
        """Wait until a batch is in progress and its state has come into the store."""
        self.until(lambda: bool(self.query("SELECT 1 FROM submissions WHERE state = 'in_progress'")))

    def outcomes(self) -> dict[str, int]:
        """How many answers have each outcome."""
        return dict(self.query("SELECT outcome, count(*) FROM answers GROUP BY outcome"))

    def assert_all_answered_once(self, paid: Counter[tuple[str, str]]) -> None:
        """All jobs are done, and the API was `paid` once for the answer to each dialogue."""
        assert set(self.states().values()) == {"done"}, self.story()
        assert {line["dialog_id"] for line in self.answers()} == {d.dialog_id for d in self.train}
        assert len(paid) == len(self.train)
        assert set(paid.values()) == {1}

    def result(self, name: str) -> dict[str, Any]:
        found = self.query("SELECT result FROM jobs WHERE stage || ':' || name = ?", name)
        return dict(msgspec.json.decode(found[0][0]))

    def open(self) -> Workspace:
        return open_workspace(self.workspace)

    def story(self) -> str:
        """What to say when something is not as it should be."""
        logs = [
            p.read_text() for p in sorted((self.workspace.artifacts / "jobs").glob("generate-*/*/log.txt"))
        ]
        out = self.workspace.root / "supervisor.out"
        return "\n".join([str(self.states()), out.read_text() if out.exists() else "", *logs[-2:]])
