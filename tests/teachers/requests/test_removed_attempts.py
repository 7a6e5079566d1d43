"""The folder of a running attempt removed: its worker stops at once, and the budget holds all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.processes.removing import remove_folder
from tests.support.workspaces.teacher_workspace import TeacherWorkspace
from tests.teachers.costs.test_money import BUDGET

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def _remove_journal(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()


def _empty_journal(folder: Path) -> None:
    (folder / "journal.jsonl").write_bytes(b"")


@pytest.mark.parametrize("remove", [remove_folder, _move, _remove_journal, _empty_journal])
def test_a_removed_attempt_stops_paying(tmp_path: Path, api: Api, remove: Callable[[Path], None]) -> None:
    # What was in flight is perhaps paid, where the journal is only elsewhere.
    teacher = 'max_concurrency = 1\nresend = "always"'
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher=teacher, more=BUDGET.format(0.08))
    removed: list[Path] = []

    def content(text: str) -> str | None:
        if len(api.paid) == 4 and not removed:
            folder = study.workspace.attempt(study.job(NAIVE), 1)
            removed.append(folder)
            remove(folder)
        return None

    api.faults.content = content
    study.ask(intents.Start(targets=("generate",)))
    assert study.finish() == 0, study.story()
    assert removed
    assert study.states()[NAIVE] == "done", study.story()
    # What the first worker bought before and in flight, and once more by the second.
    assert max(api.paid.values()) <= 2
    assert sum(api.paid.values()) <= len(study.train) + 5, study.story()
    assert study.query("SELECT number, state FROM attempts ORDER BY number") == [(1, "lost"), (2, "done")]


def test_the_budget_knows_what_removed_journals_cost(tmp_path: Path, api: Api) -> None:
    workspace = TeacherWorkspace(tmp_path / "try", api.url, mode="live", more=BUDGET.format(100)).open()
    (estimate,) = workspace.spending.estimates()
    workspace.close()
    recipes = ["improve-human/naive", "improve-human/cognitive"]
    # Enough for one recipe, not for two.
    more = BUDGET.format((estimate.usd or 0.0) * 1.2)
    study = TeacherWorkspace(tmp_path / "work", api.url, recipes, mode="live", more=more)
    study.run("recipe:improve-human/naive")
    paid = sum(api.paid.values())
    remove_folder(study.workspace.attempt(study.job(NAIVE), 1))
    study.run("recipe:improve-human/cognitive")
    assert "budget" in study.error("generate:improve-human/cognitive")
    assert sum(api.paid.values()) == paid
