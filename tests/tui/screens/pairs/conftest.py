"""A judged workspace, and the pairs screen opened on it."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.domain.evaluation.verdicts import Pair
from core.services.workspace import open_workspace
from tests.support.settling import until_shows
from tests.support.workspaces import finished_workspace
from tui.app.application import EmpathyApp
from tui.navigation.messages import OpenPairs
from tui.screens.pairs.screen import PairsScreen


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("judged") / "study")


@pytest.fixture
def seen(study: WorkspacePaths) -> list[Pair]:
    with open_workspace(study) as workspace:
        return list(workspace.evaluation.pairs("human", "chatgpt"))


async def open_pairs(pilot: Pilot[None], count: int) -> PairsScreen:
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    app.post_message(OpenPairs("human", "chatgpt"))
    await until_shows(pilot, f"1/{count}")
    screen = app.screen
    assert isinstance(screen, PairsScreen)
    return screen
