"""The folder of a running attempt removed: its worker stops at once, and the budget holds all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import journal
from core.pipeline.rebuilding import rebuild
from core.store import intents
from tests import loopback
from tests.loopback import Api
from tests.support.processes.removing import remove_folder
from tests.support.workspaces.teacher_workspace import TeacherWorkspace
from tests.teachers.batches.test_accounts import kill_all, killed_while_waiting
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


def test_a_batch_is_known_without_the_folder_of_the_attempt_that_submitted_it(
    tmp_path: Path, api: Api
) -> None:
    study = TeacherWorkspace(tmp_path, api.url)
    killed_while_waiting(study, api)
    api.faults.hold = True
    second = study.workspace.attempt(study.job(NAIVE), 2) / journal.NAME
    supervisor = study.supervise(dying=True)
    study.until(lambda: second.is_file() and '"batch"' in second.read_text(), supervisor)
    kill_all(study, supervisor)
    api.faults.hold = False
    remove_folder(study.workspace.attempt(study.job(NAIVE), 1))
    assert study.finish() == 0, study.story()
    assert study.states()[NAIVE] == "done", study.story()
    assert api.calls["create"] == 1
    assert set(api.paid.values()) == {1}
    answers = (
        "SELECT s.job, s.model, s.state, s.batch, s.estimated_usd, s.collected, a.dialog_id, a.text, a.usd"
        " FROM answers a JOIN submissions s USING (token) ORDER BY a.dialog_id"
    )
    before = study.query(answers)
    assert len(before) == len(study.train)
    remove_folder(study.workspace.attempt(study.job(NAIVE), 2))
    for path in study.workspace.root.glob("state.db*"):
        path.unlink()
    rebuild.rebuild(study.workspace)
    assert study.query(answers) == before
