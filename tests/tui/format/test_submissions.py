"""Submissions as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.api import Spending
from core.services.workspace import open_workspace
from tests.support.workspaces import batches_workspace
from tui.format import submissions


def test_live_calls_whose_worker_is_gone_are_not_in_progress(tmp_path: Path) -> None:
    """Their attempt's folder was removed, so that no journal says how they ended."""
    workspace = batches_workspace.make(tmp_path / "study")
    with open_workspace(workspace) as opened:
        found = opened.spending.submissions()[0]
    live = replace(found, mode="live", batch=None, collected=False, answered=0, state="in_progress")
    running, ended = replace(live, job_state="running"), replace(live, job_state="done")
    assert submissions.look(running).word == "in progress"
    assert submissions.cost(running).startswith("~")
    assert submissions.look(ended).word == "interrupted"
    assert submissions.cost(ended) == "—"
    now = live.changed_at + 500
    assert submissions.age_s(running, now) > submissions.age_s(ended, now)
    assert submissions.look(replace(ended, mode="batch")).word == "in progress"


def test_a_session_that_ended_without_an_answer_costs_nothing(tmp_path: Path) -> None:
    workspace = batches_workspace.make(tmp_path / "study")
    with open_workspace(workspace) as opened:
        found = opened.spending.submissions()[0]
    ended = replace(found, state="failed", collected=True, answered=0, usd=0.0, estimated_part_usd=0.0)
    assert submissions.cost(ended) == "$0.00"


@pytest.mark.parametrize(
    ("usd", "unpriced", "words"),
    [
        (0.0, 0, "nothing spent"),
        (0.0, 3, "cost unknown: no price"),
        (1.5, 3, "≥ $1.50 spent"),
        (1.5, 0, "$1.50 spent"),
    ],
)
def test_money_of_unknown_amount_is_no_number(usd: float, unpriced: int, words: str) -> None:
    found = Spending(
        usd=usd,
        estimated_usd=0.0,
        reserved_usd=0.0,
        unpriced=unpriced,
        budget_usd=None,
        by_recipe=(),
        prices_of=None,
    )
    assert submissions.money_briefly(found) == words
