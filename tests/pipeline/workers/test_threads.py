"""How many CPU threads a job is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.jobs import spec
from core.store import intents

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


def test_a_limit_in_the_environment_is_kept(
    supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    ((folder,),) = supervised.query("SELECT folder FROM attempts")
    assert spec.read(supervised.workspace.root / folder).threads == 3
