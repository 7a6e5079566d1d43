"""Data sets of the Hugging Face Hub: their names, their rows, and what is said if they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset, config

from core.dialogues.importing.table import read_table
from core.dialogues.sources.hub_source import HubDataset, HubSource
from core.domain.errors import UserError


@pytest.mark.parametrize(
    "text",
    ["hf:name", "hf:owner/na.me-1", "hf:owner/name?config=a&split=train[:10%]&revision=refs/convert/x"],
)
def test_a_name(text: str) -> None:
    assert str(HubDataset.parse(text)) == text


@pytest.mark.parametrize("text", ["hf:", "hf:a/b/c", "hf:../x", "hf:a?token=x", "hf:a?x", "hf:https://hub/a"])
def test_no_name(text: str) -> None:
    with pytest.raises(UserError, match="write hf:OWNER/NAME"):
        HubDataset.parse(text)


def test_a_path_is_no_name() -> None:
    assert HubDataset.parse("folder/hf.csv") is None


def test_rows_of_all_splits() -> None:
    splits = {
        name: Dataset.from_list([{"text": f"{name} {n}", "meta": {"mood": None, "n": n}} for n in range(2)])
        for name in ("train", "test")
    }
    source = HubSource(splits)
    assert source.header.cells == ["text", "meta.mood", "meta.n", "split"]
    seen: list[tuple[int, int]] = []
    rows = list(source.rows(lambda done, total: seen.append((done, total))))
    assert [(row.number, row.cells) for row in rows] == [
        (1, ["train 0", "", "0", "train"]),
        (2, ["train 1", "", "1", "train"]),
        (3, ["test 0", "", "0", "test"]),
        (4, ["test 1", "", "1", "test"]),
    ]
    assert seen == [(2, 4), (4, 4)]
    assert HubSource({"test": splits["test"]}).header.cells == ["text", "meta.mood", "meta.n"]


def test_one_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"hf:owner/absent cannot be loaded: .*\. Check its name"):
        read_table(HubDataset("owner/absent"))
