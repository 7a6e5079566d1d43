"""A workspace on a cluster that is played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.engines.played_cluster import Played
from tests.support import tiny_student
from tests.support.records.training_attempts import TrainingInputs

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


@pytest.fixture
def played(supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    made = Played(supervised, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def made(tmp_path: Path) -> TrainingInputs:
    """Attempts at training a tiny student."""
    return TrainingInputs(tmp_path / "jobs", tiny_student.make(tmp_path / "tiny"))
