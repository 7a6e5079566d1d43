"""Deleting superseded runs: what goes, what stays, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs.events import DeleteOutcome
from core.pipeline.supervision.intent_handlers import carry_out
from core.store import connections, intents
from core.store.connections import transaction
from core.store.jobs import job_attempts, run_notes
from tests.support.workspaces import finished_workspace
from tests.support.workspaces.filled_workspace import job_id

SFT, DPO = "small/direct/chatgpt/sft", "small/direct/chatgpt/sft-dpo"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def workspace(finished: WorkspacePaths, tmp_path: Path) -> WorkspacePaths:
    """Its runs are superseded, and have folders with files."""
    shutil.copytree(finished.root, tmp_path / "study")
    workspace = WorkspacePaths(tmp_path / "study")
    workspace.config.write_text(finished_workspace.CONFIG + "[sft]\nnum_train_epochs = 1\n")
    for stage, name in (("sft", SFT), ("sft-dpo", DPO), ("respond", SFT)):
        weights = workspace.attempt(job_id(workspace, stage, name), 1) / "output" / "weights"
        weights.parent.mkdir(parents=True)
        weights.write_bytes(b"1" * 50_000)
    return workspace


@pytest.fixture
def store(workspace: WorkspacePaths) -> Iterator[Connection]:
    with closing(connections.writer(workspace.state)) as connection:
        yield connection


def delete(store: Connection, workspace: WorkspacePaths, *jobs: str) -> DeleteOutcome:
    with transaction(store):
        outcome = carry_out(store, workspace, intents.DeleteRuns(jobs))
    assert isinstance(outcome, DeleteOutcome)
    return outcome


def jobs_of(store: Connection, stage: str) -> set[str]:
    rows = store.execute("SELECT name FROM jobs WHERE stage = ? AND name LIKE '%chatgpt/%'", (stage,))
    return {row["name"] for row in rows}


def test_a_run_goes_with_all_that_was_made_from_it(store: Connection, workspace: WorkspacePaths) -> None:
    sft, dpo, base = (
        job_id(workspace, *job) for job in (("sft", SFT), ("sft-dpo", DPO), ("respond", "small"))
    )
    outcome = delete(store, workspace, sft)
    assert set(outcome.runs) == {sft, dpo}
    assert outcome.bytes >= 150_000
    for stage in ("sft", "sft-dpo", "respond", "compare"):
        assert not jobs_of(store, stage), stage
    assert [folder.name for folder in (workspace.artifacts / "jobs").iterdir()] == []
    assert not (workspace.artifacts / "deleted").exists()
    assert store.execute("SELECT count(*) FROM responses WHERE job = ?", (base,)).fetchone()[0] > 0
    assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(UserError, match="is not a requested run"):
        delete(store, workspace, sft)


def test_what_was_paid_for_stays_with_the_responses_that_it_is_about(
    store: Connection, workspace: WorkspacePaths
) -> None:
    compare = job_id(workspace, "compare", f"small vs {SFT} @ gpt")
    with transaction(store):
        store.execute(
            "INSERT INTO submissions (token, job, mode, provider, base_url, key_digest, model, requests,"
            " submitted_at, state, changed_at) VALUES ('t', ?, 'live', 'openai', '', '', 'gpt-4o', 1, 1.0,"
            " 'completed', 1.0)",
            (compare,),
        )
    outcome = delete(store, workspace, job_id(workspace, "sft", SFT))
    assert set(outcome.kept) == {compare, job_id(workspace, "respond", SFT)}
    assert jobs_of(store, "compare") == {f"small vs {SFT} @ gpt"}
    assert jobs_of(store, "respond") == {SFT}
    assert jobs_of(store, "sft") == jobs_of(store, "sft-dpo") == set()


def test_what_is_needed_is_not_deleted(store: Connection, workspace: WorkspacePaths) -> None:
    sft, dpo = job_id(workspace, "sft", SFT), job_id(workspace, "sft-dpo", DPO)
    with transaction(store):
        store.execute("UPDATE jobs SET state = 'running' WHERE id = ?", (dpo,))
    with pytest.raises(UserError, match=f"sft-dpo {DPO} .* is running, and needs it: cancel it first"):
        delete(store, workspace, sft)
    workspace.config.write_text(finished_workspace.CONFIG)
    with pytest.raises(UserError, match=rf"config\.toml defines sft {SFT} .*only superseded"):
        delete(store, workspace, sft)
    workspace.config.write_text("[broken")
    with pytest.raises(UserError, match=r"config\.toml"):
        delete(store, workspace, sft)
    workspace.config.write_text(finished_workspace.CONFIG)
    responses = job_id(workspace, "respond", SFT)
    with pytest.raises(UserError, match="is not a requested run"):
        delete(store, workspace, responses)
    assert jobs_of(store, "sft") == {SFT}
    assert workspace.attempt(sft, 1).is_dir()


def test_nothing_outside_of_the_workspace_is_deleted(store: Connection, workspace: WorkspacePaths) -> None:
    """A state.db from somebody else names its jobs as it likes."""
    thesis = workspace.root.parent / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("years of work")
    sft = job_id(workspace, "sft", SFT)
    for elsewhere in ("../../../thesis", f"x/../../../../{thesis.name}"):
        store.execute("PRAGMA foreign_keys = OFF")
        store.execute("UPDATE jobs SET id = ? WHERE id = ?", (elsewhere, sft))
        with pytest.raises(UserError, match="which is not in the workspace"):
            delete(store, workspace, elsewhere)
        store.execute("UPDATE jobs SET id = ? WHERE id = ?", (sft, elsewhere))
    assert [path.name for path in thesis.iterdir()] == ["thesis.tex"]


def test_no_journal_outside_of_the_workspace_is_read(store: Connection, workspace: WorkspacePaths) -> None:
    sft = job_id(workspace, "sft", SFT)
    store.execute("UPDATE attempts SET folder = '../elsewhere' WHERE job = ?", (sft,))
    with pytest.raises(UserError, match=r"'\.\./elsewhere', which is not in the workspace"):
        job_attempts.attempts(store, job=sft)


def test_only_superseded_runs_are_archived(store: Connection, workspace: WorkspacePaths) -> None:
    sft = job_id(workspace, "sft", SFT)

    def archived(value: bool | None) -> bool:
        with transaction(store):
            carry_out(store, workspace, intents.NoteRuns((sft,), archived=value, add_tags=("long",)))
        return run_notes.notes(store)[sft].archived

    assert archived(True)
    workspace.config.write_text(finished_workspace.CONFIG)
    assert archived(None)
    with pytest.raises(UserError, match=r"config\.toml defines .* only superseded runs are archived"):
        archived(True)
    assert not archived(False)
