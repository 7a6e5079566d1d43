"""Whole runs on trees have TRL's curve, also over a kill in a later epoch."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from core.dialogues.importing.table import read_table
from core.jobs.records import Done
from core.services.data.sample import SAMPLE
from core.training.saving import checkpoints
from tests.support import waiting
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training import dying_worker
from tests.training.conftest import Trained


@pytest.fixture(scope="module")
def sample(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingInputs:
    """Texts that people write, of any length: the bundled sample's."""
    dialogues = list(read_table(SAMPLE).dialogues)
    return TrainingInputs(tmp_path_factory.mktemp("sample"), tiny, 100, dialogues)


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_fifty_steps_lie_on_the_curve_of_trl(stage: str, sample: TrainingInputs, sft: Trained) -> None:
    curves = []
    for prefix_tree in (False, True):
        folder = sample.attempt(
            stage,
            adapter=sft.adapter,
            max_steps=50,
            max_length=1024,
            learning_rate=1e-3,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=1,
            save_steps=1000,
            group_by_dialogue=False,
            prefix_tree=prefix_tree,
        )
        training_attempts.run(folder)
        curves.append(training_attempts.metrics(folder))
    plain, tree = curves
    assert list(plain) == list(tree) == list(range(1, 51))
    for step, wanted in plain.items():
        assert tree[step].keys() == wanted.keys()
        assert tree[step]["loss"] == pytest.approx(wanted["loss"], rel=1e-3, abs=1e-5), step
        assert tree[step]["num_tokens"] == wanted["num_tokens"]
    assert plain[50]["loss"] < plain[1]["loss"]


def test_a_run_killed_in_its_second_epoch_goes_on_in_the_order_of_dialogues(made: TrainingInputs) -> None:
    whole = made.attempt("sft", num_train_epochs=2.0)
    training_attempts.run(whole)
    first = made.attempt("sft", num_train_epochs=2.0)
    process = dying_worker.start(first, "logged", 9)
    assert waiting.wait_for_exit(process) == -signal.SIGKILL
    assert not job_attempts.found(first, Done)
    assert checkpoints.newest([first]) == first / "checkpoints/checkpoint-8"
    second = made.attempt("sft", num_train_epochs=2.0, prior=[first])
    training_attempts.run(second)
    wanted = training_attempts.metrics(whole)
    found = training_attempts.metrics(first, second)
    assert list(found) == list(wanted) == list(range(1, 13))
    for step, metrics in wanted.items():
        assert found[step] == pytest.approx(metrics, rel=1e-4, abs=1e-6), step
