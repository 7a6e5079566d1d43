"""A checkpoint that is damaged is left, and said; the newest sound one is used."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.training.saving import checkpoints


def _checkpoint(attempt: Path, step: int) -> Path:
    folder = attempt / checkpoints.FOLDER / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    _fill(folder, step)
    return folder


def _fill(folder: Path, step: int) -> None:
    (folder / "inner").mkdir()
    torch.save({"state": torch.full((100,), step)}, folder / "optimizer.pt")
    (folder / "inner" / "state.json").write_text("{}")
    checkpoints.mark_complete(folder, 10 * step)


def _cut(folder: Path) -> None:
    os.truncate(folder / "optimizer.pt", 100)


def _flip(folder: Path) -> None:
    content = bytearray((folder / "optimizer.pt").read_bytes())
    content[5] ^= 1
    (folder / "optimizer.pt").write_bytes(content)


def _remove(folder: Path) -> None:
    (folder / "inner" / "state.json").unlink()


def _spoil_mark(folder: Path) -> None:
    (folder / "complete.json").write_bytes(b"\0" * 50)


def _outside(folder: Path) -> None:
    (folder / "complete.json").write_text(json.dumps({"num_tokens": 1, "files": {"../x": "0"}}))


@pytest.mark.parametrize("damage", [_cut, _flip, _remove, _spoil_mark, _outside])
def test_an_older_sound_one_is_used(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    older, newest = _checkpoint(tmp_path / "1", 2), _checkpoint(tmp_path / "2", 4)
    said: list[str] = []
    assert checkpoints.newest([tmp_path / "2", tmp_path / "1"], said.append) == newest
    assert not said
    damage(newest)
    assert checkpoints.newest([tmp_path / "2", tmp_path / "1"], said.append) == older
    assert len(said) == 1
    assert "step 4 is damaged" in said[0]
    assert checkpoints.num_tokens(older) == 20
    damage(older)
    assert checkpoints.newest([tmp_path / "2", tmp_path / "1"], said.append) is None


@pytest.mark.parametrize("damage", [_cut, _flip, _remove, _spoil_mark, shutil.rmtree])
def test_the_best_weights_by_then_must_be_sound(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for step in (2, 4, 6):
        folder = tmp_path / checkpoints.FOLDER / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        state = json.dumps({"best_global_step": min(step, 4), "log_history": [{"grad_norm": math.inf}]})
        (folder / "trainer_state.json").write_text(state)
        _fill(folder, step)
    best = checkpoints.of_step([tmp_path], 4)
    assert best is not None
    said: list[str] = []
    first, last = (tmp_path / checkpoints.FOLDER / f"checkpoint-{step}" for step in (2, 6))
    assert checkpoints.newest([tmp_path], said.append, keeps_best=True) == last
    damage(best)
    assert checkpoints.of_step([tmp_path], 4) is None
    assert checkpoints.newest([tmp_path], said.append, keeps_best=True) == first
    assert "step 6 is damaged" in said[0]
    assert "step 4, with the best weights by then, is missing or damaged" in said[0]
    # A run without early stopping ends with its last weights.
    assert checkpoints.newest([tmp_path]) == last


def test_marks_of_earlier_versions_hold(tmp_path: Path) -> None:
    folder = _checkpoint(tmp_path, 2)
    (folder / "complete.json").write_text(json.dumps({"num_tokens": 7}))
    assert checkpoints.newest([tmp_path]) == folder
    assert checkpoints.num_tokens(folder) == 7
    (folder / "optimizer.pt").write_bytes(b"")
    assert checkpoints.newest([tmp_path]) is None


def test_what_is_no_checkpoint_is_ignored(tmp_path: Path) -> None:
    (_checkpoint(tmp_path, 2)).rename(tmp_path / checkpoints.FOLDER / "checkpoint-old")
    assert checkpoints.newest([tmp_path]) is None
