"""The worker's boundary: how each end of a stage's work is written in the journal and the log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.config.redaction import without_secrets
from core.jobs import journal, spec
from core.jobs.records import Done, Failed, Record, Started
from core.pipeline.workers import worker
from core.store import intents
from tests.support.records import made_results

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

JUDGE = "judge:embedded"
SECRET = "sk-0123456789abcdef"


def records(supervised: SupervisedWorkspace, attempt: int = 1) -> list[Record]:
    folder = supervised.workspace.attempt(supervised.id(JUDGE), attempt)
    return [entry.record for entry, _ in journal.read(folder)]


def log(supervised: SupervisedWorkspace) -> str:
    return (supervised.workspace.attempt(supervised.id(JUDGE), 1) / "log.txt").read_text()


def run(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0, supervised.story()


def test_a_journal_begins_with_started_and_ends_with_the_result(supervised: SupervisedWorkspace) -> None:
    run(supervised)
    found = records(supervised)
    assert isinstance(found[0], Started)
    assert found[-1] == Done(made_results.judge())
    assert "judge embedded, attempt 1" in log(supervised)
    assert supervised.query("SELECT pid, host FROM attempts") == [(found[0].pid, found[0].host)]


def test_errors_that_the_user_can_act_on_are_reported_unchanged(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(fail=[JUDGE])
    run(supervised)
    assert records(supervised)[-1] == Failed(f"{JUDGE} cannot be done: no key")
    assert "Traceback" not in log(supervised)


def test_the_unexpected_is_one_line_and_its_traceback_is_in_the_log(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(**{"raise": [JUDGE]})
    run(supervised)
    expected = "unexpected: RuntimeError: first line second line no key (see log.txt)"
    assert records(supervised)[-1] == Failed(expected)
    assert supervised.error(JUDGE) == expected
    assert "Traceback" in log(supervised)


@pytest.mark.parametrize("how", ["fail", "raise"])
def test_a_secret_reaches_neither_store_nor_journal_nor_log(
    supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("TEST_API_KEY", SECRET)
    supervised.set_plan(**{how: [JUDGE]})
    run(supervised)
    assert "[TEST_API_KEY]" in str(supervised.error(JUDGE))
    for path in supervised.workspace.root.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def test_of_two_secrets_that_begin_alike_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_TOKEN", "abcdefgh")
    monkeypatch.setenv("SECOND_TOKEN", "abcdefghijkl")
    assert without_secrets("x abcdefghijkl y abcdefgh") == "x [SECOND_TOKEN] y [FIRST_TOKEN]"


def test_a_worker_whose_folder_is_gone_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert worker.main(tmp_path / "artifacts" / "jobs" / "judge-1" / "1") == 1
    assert "stopped before it began" in caplog.text


def test_a_worker_whose_journal_is_removed_as_it_begins_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "artifacts" / "jobs" / "judge-1" / "1"
    folder.mkdir(parents=True)
    os.mkfifo(folder / spec.NAME)

    def remove() -> None:
        # Opened once the worker reads it, which has its journal by then.
        with (folder / spec.NAME).open("wb"):
            (folder / journal.NAME).unlink()

    removing = threading.Thread(target=remove)
    removing.start()
    assert worker.main(folder) == 1
    removing.join()
    assert "was removed or moved" in caplog.text


def test_a_worker_has_no_progress_bars(supervised: SupervisedWorkspace) -> None:
    """On a full disk one would keep tqdm's lock, for which the worker waited for good."""
    run(supervised)
    folder = supervised.workspace.attempt(supervised.id(JUDGE), 1)
    (folder / journal.NAME).unlink()
    script = (
        "import sys; from pathlib import Path; from core.pipeline.workers import worker;"
        " worker.main(Path(sys.argv[1])); import tqdm.auto; print(tqdm.auto.tqdm(range(1)).disable)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "True\n", ended.stderr
    assert isinstance(records(supervised)[0], Started)
