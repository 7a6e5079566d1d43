"""Jobs on nodes that do not see the workspace: everything goes through a storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.pipeline.engines import transfers
from core.store import intents
from tests.pipeline import counting_stage
from tests.pipeline.conftest import Rows
from tests.pipeline.engines.played_cluster import Played

SFT = "sft:tiny/direct/chatgpt/sft"


@pytest.fixture
def far(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """A cluster whose nodes only see a storage."""
    monkeypatch.setattr(transfers, "LOOK_S", 0.05)
    monkeypatch.setenv(counting_stage.ROOT, str(played.supervised.workspace.root))
    played.configure(storage=f"file://{tmp_path}/storage")
    return played


def test_the_rows_are_those_of_local_workers(far: Played, undisturbed_rows: Rows) -> None:
    far.supervised.ask(intents.Start(engine="far"))
    far.until(lambda: set(far.supervised.states().values()) == {"done"})
    assert far.supervised.rows() == undisturbed_rows
