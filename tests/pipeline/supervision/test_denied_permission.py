"""Files and folders without permission: said in a sentence, and what does without them goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.pipeline.rebuilding import rebuild
from core.store import intents
from tests.pipeline.conftest import SupervisedWorkspace

RECIPE, JUDGE = "recipe:direct/chatgpt", "judge:embedded"
DENIED = "permission is denied: give yourself access to it"


@pytest.fixture(autouse=True)
def _needs_permission(tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    probe.touch(0)
    try:
        probe.read_bytes()
    except PermissionError:
        return
    pytest.skip("this user may read everything")


@contextmanager
def _denied(path: Path) -> Iterator[None]:
    mode = path.stat().st_mode & 0o777
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


@pytest.mark.parametrize("place", ["journal.jsonl", ".", "..", "../.."])
def test_an_attempt_that_cannot_be_read_waits_and_others_go_on(
    supervised: SupervisedWorkspace, place: str
) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    folder = supervised.workspace.attempt(supervised.id(RECIPE), 1)
    with _denied((folder / place).resolve()):
        out = supervised.workspace.root / "supervisor.out"
        supervised.until(lambda: "its journal cannot be read now" in out.read_text())
        supervised.ask(intents.Start(targets=("judge",)))
        # Where it can have a folder.
        supervised.until_state(JUDGE, "failed" if place == "../.." else "done")
        assert supervised.states()[RECIPE] == "running"
        (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}
    assert set(supervised.steps().values()) == {1}


def test_an_ended_attempt_that_cannot_be_read_ends_no_supervisor(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    folder = supervised.workspace.attempt(supervised.id(RECIPE), 1)
    for place in (folder, folder.parent):
        with _denied(place):
            supervised.ask(intents.Start(targets=("judge",), force=True))
            assert supervised.finish() == 0, supervised.story()
    assert supervised.states()[JUDGE] == "done"


def test_an_input_that_cannot_be_reached_fails_its_job(supervised: SupervisedWorkspace) -> None:
    (data,) = supervised.workspace.artifacts.glob("data/*/")
    supervised.ask(intents.Start(targets=("recipe",)))
    with _denied(data):
        assert supervised.finish() == 0, supervised.story()
        assert DENIED in str(supervised.error(RECIPE))
    supervised.ask(intents.Retry(supervised.id(RECIPE)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states() == {RECIPE: "done"}


def test_a_request_that_cannot_be_recorded_is_refused(supervised: SupervisedWorkspace) -> None:
    supervised.workspace.history.touch()
    request = supervised.ask(intents.Start(targets=("recipe",)))
    with _denied(supervised.workspace.history):
        assert supervised.finish() == 0, supervised.story()
    assert DENIED in str(supervised.outcome(request).error)
    assert "Traceback" not in (supervised.workspace.root / "supervisor.out").read_text()
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states() == {RECIPE: "done"}


def test_no_attempt_that_cannot_be_read_is_left_out_of_a_rebuilt_store(
    supervised: SupervisedWorkspace,
) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    folder = supervised.workspace.attempt(supervised.id(RECIPE), 1)
    before = supervised.workspace.state.read_bytes()
    for place in (folder, folder / "journal.jsonl"):
        with _denied(place), pytest.raises((UserError, PermissionError), match="Permission denied"):
            rebuild.rebuild(supervised.workspace)
        assert supervised.workspace.state.read_bytes() == before
    rebuild.rebuild(supervised.workspace)
    assert supervised.attempts(RECIPE) == [(1, "done")]
