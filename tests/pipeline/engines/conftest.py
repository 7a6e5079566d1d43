"""A workspace on a cluster that is played."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.pipeline.engines.played_cluster import Played

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


@pytest.fixture
def played(supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    made = Played(supervised, monkeypatch)
    yield made
    made.close()
