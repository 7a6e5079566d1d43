"""Taking in data that a client has staged: the whole of it, or nothing."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import msgspec
import pytest

from core.dialogues.files import records
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue, ImportedData
from core.domain.jobs.events import ImportOutcome
from core.domain.jobs.snapshot import DialogueCounts
from core.store import intents

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


@pytest.fixture
def staged(supervised: SupervisedWorkspace) -> tuple[ImportedData, list[Dialogue]]:
    """Data beside the supervised's own, which has one dialogue less and another text."""
    (path,) = (supervised.workspace.artifacts / "data").glob("*/dialogues.jsonl")
    first, *rest = records.read(path)
    dialogues = [msgspec.structs.replace(first, utterance="another utterance"), *rest[:-1]]
    imported = staging.describe(dialogues, "other.csv", "1" * 64)
    staging.stage(supervised.workspace, dialogues, imported)
    return imported, dialogues


def test_data_takes_the_place_of_the_old(
    supervised: SupervisedWorkspace, staged: tuple[ImportedData, list[Dialogue]]
) -> None:
    imported, dialogues = staged
    intent = supervised.ask(intents.ImportData(imported=imported))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.outcome(intent).outcome == ImportOutcome(DialogueCounts(7, 6, 1))
    assert supervised.query("SELECT dialog_id, utterance FROM dialogues ORDER BY position") == [
        (dialogue.dialog_id, dialogue.utterance) for dialogue in dialogues
    ]


@pytest.mark.parametrize("kill_at", [1, 2, 10, 20, 25])
def test_a_crash_leaves_the_old_data_until_the_new_is_all_there(
    supervised: SupervisedWorkspace, staged: tuple[ImportedData, list[Dialogue]], kill_at: int
) -> None:
    imported, _ = staged
    before = supervised.query("SELECT * FROM ratings ORDER BY 1, 2")
    intent = supervised.ask(intents.ImportData(imported=imported))
    assert supervised.finish(kill_at=kill_at) == -signal.SIGKILL
    assert supervised.query("SELECT * FROM ratings ORDER BY 1, 2") == before
    assert supervised.outcome(intent).state == "pending"
    assert supervised.finish() == 0, supervised.story()
    assert supervised.outcome(intent).state == "done"
    assert supervised.query("SELECT count(*) FROM dialogues") == [(7,)]
    assert supervised.query("SELECT count(*) FROM imports WHERE file = 'other.csv'") == [(1,)]


@pytest.mark.parametrize("harm", ["missing", "changed"])
def test_data_that_is_not_what_was_staged_is_refused(
    supervised: SupervisedWorkspace, staged: tuple[ImportedData, list[Dialogue]], harm: str
) -> None:
    imported, _ = staged
    path = supervised.workspace.dialogues(imported.data)
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"another", b"yet one"))
    before = supervised.query("SELECT * FROM dialogues ORDER BY 1")
    intent = supervised.ask(intents.ImportData(imported=imported))
    assert supervised.finish() == 0
    assert supervised.outcome(intent).state == "failed"
    assert str(path) in str(supervised.outcome(intent).error)
    assert supervised.query("SELECT * FROM dialogues ORDER BY 1") == before


def test_runs_on_the_old_data_stay_and_the_new_data_gives_new_jobs(
    supervised: SupervisedWorkspace, staged: tuple[ImportedData, list[Dialogue]]
) -> None:
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    supervised.ask(intents.ImportData(imported=staged[0]))
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.query("SELECT stage, state FROM jobs") == [("judge", "done")] * 2
