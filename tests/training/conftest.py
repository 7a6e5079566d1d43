"""A tiny student, and runs of it that several tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.domain.jobs.results import TrainingResult
from tests.support import tiny_student
from tests.support.records import training_attempts
from tests.support.records.training_attempts import TrainingInputs


@dataclass(frozen=True)
class Trained:
    """An attempt that was carried through, and what it returned."""

    folder: Path
    result: TrainingResult

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"

    @property
    def model(self) -> Path:
        """After full fine-tuning."""
        return self.folder / "model"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("student") / "tiny")


@pytest.fixture(scope="session")
def tiny_without_padding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("student") / "bare", padding=False)


@pytest.fixture(scope="session")
def made(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingInputs:
    """The place of all attempts of a session: each test makes its own in it."""
    return TrainingInputs(tmp_path_factory.mktemp("jobs"), tiny)


@pytest.fixture(scope="session")
def sft(made: TrainingInputs) -> Trained:
    """SFT of 12 examples in 6 steps, without an interruption."""
    folder = made.attempt("sft", sample_dialogues=2, sample_steps=4)
    return Trained(folder, training_attempts.run(folder))


@pytest.fixture(scope="session")
def dpo(made: TrainingInputs, sft: Trained) -> Trained:
    """DPO of 12 pairs in 6 steps on top of it."""
    folder = made.attempt("sft-dpo", adapter=sft.adapter)
    return Trained(folder, training_attempts.run(folder))
