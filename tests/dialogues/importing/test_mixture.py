"""Several data sets as one: weights, ids, and what does not go together."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from core.config.schema import DataSet, DataSettings, SplitRule
from core.dialogues.importing.mixture import read_mixture
from core.domain.errors import UserError
from tests.support.records.synthetic_dialogues import synthetic_csv

_RANDOM = SplitRule(by="random", test_share=0.25)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a rated CSV of 40 dialogues, and unrated files of 20 and 60."""
    synthetic_csv(tmp_path / "rated.csv", rows=40)
    (tmp_path / "other.csv").write_text("alpha,beta\n1,2\n")
    for rows in (20, 60):
        lines = [{"id": str(n), "question": f"{rows} {n}", "answer": "fine"} for n in range(rows)]
        (tmp_path / f"{rows}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def _of(name: str, weight: float | None = None) -> DataSet:
    return DataSet(file=name, weight=weight, split=_RANDOM)


def test_all_of_each(root: Path) -> None:
    read = read_mixture({"a": _of("20.jsonl"), "b": _of(str(root / "60.jsonl"))}, root, DataSettings())
    assert Counter(one.dialog_id[:2] for one in read.dialogues) == {"a:": 20, "b:": 60}
    assert Counter(one.split for one in read.dialogues) == {"train": 60, "test": 20}
    assert read.is_guessed
    assert list(read.parts) == ["a", "b"]


def test_weights_are_proportions_of_the_train_dialogues(root: Path) -> None:
    def drawn(a: float, b: float) -> dict[tuple[str, str], int]:
        sets = {"a": _of("20.jsonl", a), "b": _of("60.jsonl", b)}
        found = list(read_mixture(sets, root, DataSettings()).dialogues)
        return Counter((one.dialog_id[0], one.split) for one in found)

    assert drawn(1, 1) == {("a", "train"): 15, ("b", "train"): 15, ("a", "test"): 5, ("b", "test"): 15}
    assert drawn(1, 5)[("a", "train")] == 9
    assert drawn(1, 5)[("b", "train")] == 45


def test_near_duplicates_are_left_out_before_the_draw(root: Path) -> None:
    same = "it was my first day at the new school and nobody talked to me"
    lines = [
        {
            "id": str(n),
            "context": same if n < 20 else f"case {n} of {n}",
            "question": f"{n}?",
            "answer": "fine",
        }
        for n in range(40)
    ]
    test = {"id": "t", "context": same, "question": "why?", "answer": "fine", "split": "test"}
    rows = [*({**line, "split": "train"} for line in lines), test]
    (root / "both.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sets = {"a": DataSet(file="both.jsonl", weight=1), "b": _of("60.jsonl", 2)}
    read = read_mixture(sets, root, DataSettings(near_duplicates="leave_out"))
    assert Counter((one.dialog_id[0], one.split) for one in read.dialogues) == {
        ("a", "train"): 20,
        ("a", "test"): 1,
        ("b", "train"): 40,
        ("b", "test"): 15,
    }
    assert read.near_duplicates is not None
    assert (read.near_duplicates.count, read.near_duplicates.are_left_out) == (20, True)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"a": _of("20.jsonl", 1), "b": _of("60.jsonl")}, "b has no weight, and others have"),
        ({"a": _of("20.jsonl"), "b": _of("rated.csv")}, "a has no ratings, and others have"),
        ({"a": _of("absent.csv")}, "absent.csv does not exist"),
        ({"a": _of("other.csv")}, r"data_sets\.a\.columns = \{ situation = "),
    ],
)
def test_what_does_not_go_together(root: Path, sets: dict[str, DataSet], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_mixture(sets, root, DataSettings())
