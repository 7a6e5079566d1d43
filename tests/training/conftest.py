"""A tiny student, and runs of it that several tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.domain.results import TrainingResult
from tests.support import tiny_student
from tests.training import made_training_jobs
from tests.training.made_training_jobs import Made


@dataclass(frozen=True)
class Trained:
    """An attempt that was carried through, and what it returned."""

    folder: Path
    result: TrainingResult

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("student") / "tiny")


@pytest.fixture(scope="session")
def tiny_without_padding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_student.make(tmp_path_factory.mktemp("student") / "bare", padding=False)


@pytest.fixture(scope="session")
def made(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The place of all attempts of a session: each test makes its own in it."""
    return Made(tmp_path_factory.mktemp("jobs"), tiny)


@pytest.fixture(scope="session")
def sft(made: Made) -> Trained:
    """SFT of 12 examples in 6 steps, without an interruption."""
    folder = made.attempt("sft", sample_dialogues=2, sample_steps=4)
    return Trained(folder, made_training_jobs.run(folder))


@pytest.fixture(scope="session")
def dpo(made: Made, sft: Trained) -> Trained:
    """DPO of 12 pairs in 6 steps on top of it."""
    folder = made.attempt("sft-dpo", adapter=sft.adapter)
    return Trained(folder, made_training_jobs.run(folder))
