"""Train dialogues that are nearly the same as a test dialogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config.schema import DataSettings, SplitRule
from core.dialogues.importing import near_duplicates
from core.dialogues.importing.table import read_table

_LONG = "Last week my neighbour gave me back the ladder that I had lent him three years ago"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        ("t1", "test", _LONG),
        ("t2", "test", "Nothing like it, something else about a dog and its owner"),
        ("a", "train", f"{_LONG}!"),
        ("b", "train", _LONG.upper().replace("NEIGHBOUR", "BROTHER")),
        ("c", "train", "Last week my neighbour gave me a cake for my birthday, which was a surprise"),
        ("d", "train", "dog"),
    ]
    path = tmp_path / "data.csv"
    lines = [f'{name},"{situation}",said {name},reply,{split}' for name, split, situation in rows]
    path.write_text("\n".join(["id,context,text,response,split", *lines]))
    return path


@pytest.mark.parametrize("compared_at_once", [20_000, 0])
def test_they_are_reported(path: Path, monkeypatch: pytest.MonkeyPatch, compared_at_once: int) -> None:
    monkeypatch.setattr(near_duplicates, "_COMPARED_AT_ONCE", compared_at_once)
    read = read_table(path)
    found = read.near_duplicates
    assert found is not None
    assert [(one.train, one.test) for one in found.first] == [("a", "t1"), ("b", "t1")]
    assert found.first[0].similarity == 1
    assert 0.7 < found.first[1].similarity < 1
    assert (found.count, len(read.dialogues)) == (2, 6)


def test_they_are_left_out(path: Path) -> None:
    read = read_table(path, DataSettings(near_duplicates="leave_out", split=SplitRule(by="column")))
    assert [dialogue.dialog_id for dialogue in read.dialogues] == ["t1", "t2", "c", "d"]
    assert read.dialogues[2].dialog_id == "c"
    assert read.near_duplicates is not None
    assert read.near_duplicates.are_left_out


def test_they_are_ignored(path: Path) -> None:
    assert read_table(path, DataSettings(near_duplicates="ignore")).near_duplicates is None
