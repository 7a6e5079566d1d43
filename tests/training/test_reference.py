"""The reference's log-probabilities are computed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.domain.errors import Cancelled
from core.training import reference
from core.training.data.tokenized_data import TokenizedData
from tests.training.prefix_tree import tiny_trainers
from tests.training.prefix_tree.test_equality import SHAPES, dpo_rows, ids

ROWS = dpo_rows([(SHAPES["common beginning"][n % 6][0], ids(n, 5 + n % 4)) for n in range(10)])
DATA = TokenizedData(ROWS, ["" for _ in ROWS], 0, 0, 128)


def give(trainer: Any, folder: Path, prior: tuple[Path, ...] = (), key: str = "key") -> int:
    return reference.give(trainer, DATA, key, folder, prior, lambda: None)


def made(tiny: Path, folder: Path) -> Any:
    return tiny_trainers.trainer("sft-dpo", tiny, ROWS, folder, prefix_tree=True)


def test_they_are_those_of_trl_and_taken_from_earlier_attempts(tiny: Path, tmp_path: Path) -> None:
    first, second, third, other = (tmp_path / name for name in ("1", "2", "3", "4"))
    for folder in (first, second, third, other):
        folder.mkdir()
    trainer = made(tiny, tmp_path)
    batch = trainer._prepare_inputs(trainer.data_collator(ROWS))
    wanted = [values.tolist() for values in trainer.compute_ref_log_probs(trainer.model, batch)]
    without = tiny_trainers.step(trainer, ROWS)
    assert give(trainer, first) == len(ROWS)
    columns = [trainer.train_dataset[name] for name in ("ref_chosen_logps", "ref_rejected_logps")]
    for found, expected in zip(columns, wanted, strict=True):
        assert list(found) == pytest.approx(expected, rel=1e-5)
    # The same step, without a pass of the reference.
    done = tiny_trainers.step(trainer, list(trainer.train_dataset))
    assert done.loss == pytest.approx(without.loss, rel=1e-4)
    assert tiny_trainers.relative_difference(done.gradient, without.gradient) < 1e-4
    assert done.tokens < without.tokens

    again = made(tiny, tmp_path)
    assert give(again, second, (first,)) == 0
    assert list(again.train_dataset["ref_chosen_logps"]) == list(columns[0])
    assert give(made(tiny, tmp_path), other, (first, second), "another") == len(ROWS)
    # A killed attempt left three lines and a half.
    lines = (second / reference.NAME).read_bytes().splitlines(keepends=True)
    (second / reference.NAME).write_bytes(b"".join(lines[:3]) + lines[3][:20])
    assert give(made(tiny, tmp_path), third, (second,)) == len(ROWS) - 3


def test_a_cancelled_run_stops_before_the_next_part(tiny: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        reference.give(made(tiny, tmp_path), DATA, "key", tmp_path, (), stop)


def test_the_key_has_all_that_they_depend_on() -> None:
    other = TokenizedData(ROWS[:-1], [], 0, 0, 128)
    keys = {
        reference.key("fingerprint", DATA, "cpu", torch.float32),
        reference.key("another", DATA, "cpu", torch.float32),
        reference.key("fingerprint", other, "cpu", torch.float32),
        reference.key("fingerprint", DATA, "cuda", torch.float32),
        reference.key("fingerprint", DATA, "cpu", torch.bfloat16),
    }
    assert len(keys) == 5
