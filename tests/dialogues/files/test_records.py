"""Dialogues go to the file that jobs read, and come back as they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given

from core.config.workspace import WorkspacePaths
from core.dialogues.files import records
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue
from tests.support.records.synthetic_dialogues import dialogue_lists, synthetic_dialogues


@given(dialogue_lists())
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, dialogues: list[Dialogue]) -> None:
    path = tmp_path_factory.mktemp("records") / "dialogues.jsonl"
    records.write(path, dialogues)
    assert list(records.read(path)) == dialogues
    imported = staging.describe(dialogues, "data.csv", "0" * 64)
    assert imported.data == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_change_in_one_split_leaves_the_other_splits_hash() -> None:
    before = synthetic_dialogues()
    index = next(i for i, dialogue in enumerate(before) if dialogue.split == "test")
    after = list(before)
    after[index] = Dialogue(
        **{f: getattr(before[index], f) for f in before[index].__struct_fields__} | {"situation": "another"}
    )
    old, new = (staging.describe(dialogues, "data.csv", "") for dialogues in (before, after))
    assert old.train == new.train
    assert old.test != new.test
    assert old.data != new.data
    assert new.sources == ("chatgpt", "llama", "gemini", "mixtral")


def test_staging_writes_what_the_hash_says(tmp_path: Path) -> None:
    dialogues = synthetic_dialogues(8)
    workspace = WorkspacePaths(tmp_path)
    imported = staging.describe(dialogues, "data.csv", "")
    staging.stage(workspace, dialogues, imported)
    content = workspace.dialogues(imported.data).read_bytes()
    assert hashlib.sha256(content).hexdigest() == imported.data
    staging.stage(workspace, [], imported)
    assert workspace.dialogues(imported.data).read_bytes() == content
