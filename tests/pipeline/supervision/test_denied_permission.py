"""Files and folders without permission: said in a sentence, and what does without them goes on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.pipeline.rebuilding import rebuild
from core.store import connections, intents, workspace_settings
from tests.pipeline.conftest import SupervisedWorkspace
from tests.support import waiting

RECIPE, JUDGE = "recipe:direct/chatgpt", "judge:embedded"
DENIED = "permission is denied: give yourself access to it"


def _may_read_everything(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch(0)
    try:
        probe.read_bytes()
    except PermissionError:
        return False
    return True


@pytest.fixture
def supervised(supervised: SupervisedWorkspace, tmp_path: Path) -> SupervisedWorkspace:
    """A workspace of a user who may not read everything."""
    if _may_read_everything(tmp_path):
        pytest.skip("this user may read everything")
    return supervised


def test_all_of_this_without_the_capabilities_of_root(tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None or not _may_read_everything(tmp_path):
        pytest.skip("for a user who may read everything, where setpriv is installed")
    bounded = [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
    tests = [sys.executable, "-m", "pytest", "-n", "0", __file__, f"--basetemp={tmp_path / 'tests'}"]
    done = waiting.run([*bounded, *tests])
    assert done.code == 0, done.out.decode()
    assert b"13 passed, 1 skipped" in done.out


@contextmanager
def _denied(path: Path, left: int = 0) -> Iterator[None]:
    mode = path.stat().st_mode & 0o777
    path.chmod(left)
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


def test_a_worker_whose_attempt_cannot_be_read_is_cancelled(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    (pid,) = supervised.query("SELECT pid FROM attempts")[0]
    with _denied(supervised.workspace.attempt(supervised.id(RECIPE), 1)):
        supervised.answer(supervised.ask(intents.Cancel(supervised.id(RECIPE))))
        supervised.until(lambda: all(worker.pid != pid for worker in supervised.workers()))
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "cancelled"}


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


@pytest.mark.parametrize("left", [0, 0o444])
def test_a_failure_that_cannot_be_recorded_is_recorded_later(
    supervised: SupervisedWorkspace, left: int
) -> None:
    supervised.ask(intents.Pause())
    supervised.ask(intents.Start(targets=("recipe", "judge")))
    assert supervised.finish() == 0, supervised.story()
    (data,) = supervised.workspace.artifacts.glob("data/*/dialogues.jsonl")
    data.rename(data.with_name("elsewhere"))
    with closing(connections.writer(supervised.workspace.state)) as connection:
        workspace_settings.set_setting(connection, "paused", None)
    with _denied(supervised.workspace.history, left):
        supervisor = supervised.supervise()
        _until_blocked(supervised)
        assert supervised.states()[RECIPE] == "ready"
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert "import the data again" in str(supervised.error(RECIPE))
    data.with_name("elsewhere").rename(data)
    for name in (RECIPE, JUDGE):
        supervised.ask(intents.Retry(supervised.id(name)))
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}
    assert set(supervised.steps().values()) == {1}


@pytest.mark.parametrize("left", [0, 0o444])
def test_a_lost_attempt_that_cannot_be_recorded_is_recorded_later(
    supervised: SupervisedWorkspace, left: int
) -> None:
    supervised.set_plan(hold=[RECIPE], die={RECIPE: [2]})
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    with _denied(supervised.workspace.history, left):
        (supervised.workspace.root / "go").touch()
        _until_blocked(supervised)
        assert supervised.attempts(RECIPE) == [(1, "running")]
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "lost"), (2, "done")]
    assert set(supervised.steps().values()) == {1}


def _until_blocked(supervised: SupervisedWorkspace) -> None:
    out = supervised.workspace.root / "supervisor.out"
    supervised.until(lambda: f"blocked: {supervised.workspace.history}: {DENIED}" in out.read_text())


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
