"""The worker's boundary: how each end of a room's work stands in the journal and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.jobs import journal
from core.jobs.records import Done, Failed, Record, Started
from core.pipeline.worker import without_secrets
from core.store import intents
from tests.support import made_results

if TYPE_CHECKING:
    from tests.pipeline.conftest import House

JUDGE = "judge:embedded"
SECRET = "sk-0123456789abcdef"


def records(house: House, attempt: int = 1) -> list[Record]:
    folder = house.workspace.attempt(house.id(JUDGE), attempt)
    return [entry.record for entry, _ in journal.read(folder)]


def log(house: House) -> str:
    return (house.workspace.attempt(house.id(JUDGE), 1) / "log.txt").read_text()


def run(house: House) -> None:
    house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0, house.story()


def test_a_journal_begins_with_started_and_ends_with_the_result(house: House) -> None:
    run(house)
    found = records(house)
    assert isinstance(found[0], Started)
    assert found[-1] == Done(made_results.judge())
    assert "judge embedded, attempt 1" in log(house)
    assert house.query("SELECT pid, host FROM attempts") == [(found[0].pid, found[0].host)]


def test_what_the_user_can_act_on_is_told_as_it_is(house: House) -> None:
    house.room(fail=[JUDGE])
    run(house)
    assert records(house)[-1] == Failed(f"{JUDGE} cannot be done: no key")
    assert "Traceback" not in log(house)


def test_the_unexpected_is_one_line_and_its_traceback_is_in_the_log(house: House) -> None:
    house.room(**{"raise": [JUDGE]})
    run(house)
    expected = "unexpected: RuntimeError: first line second line no key (see log.txt)"
    assert records(house)[-1] == Failed(expected)
    assert house.error(JUDGE) == expected
    assert "Traceback" in log(house)


@pytest.mark.parametrize("how", ["fail", "raise"])
def test_a_secret_reaches_neither_store_nor_journal_nor_log(
    house: House, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("TEST_API_KEY", SECRET)
    house.room(**{how: [JUDGE]})
    run(house)
    assert "[TEST_API_KEY]" in str(house.error(JUDGE))
    for path in house.workspace.root.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def test_of_two_secrets_that_begin_alike_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_TOKEN", "abcdefgh")
    monkeypatch.setenv("SECOND_TOKEN", "abcdefghijkl")
    assert without_secrets("x abcdefghijkl y abcdefgh") == "x [SECOND_TOKEN] y [FIRST_TOKEN]"
