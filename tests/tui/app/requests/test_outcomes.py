"""What a request to the supervisor has come to, in words."""

from __future__ import annotations

import pytest

from core.domain.jobs.events import IntentResult, StartOutcome
from tui.app.requests.outcomes import words


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (StartOutcome(("a", "b"), 2, ()), "2 jobs are queued or run"),
        # The events count what was requested now.
        (
            StartOutcome(("a", "b", "c", "d"), 2, ("d",)),
            "3 jobs are queued or run, 2 of them requested now; 1 was done already",
        ),
        (StartOutcome(("a",), 0, ("a",)), "nothing to do; 1 was done already"),
        (StartOutcome(("a", "b"), 0, ("a",), ("a",)), "2 jobs are queued or run"),
    ],
)
def test_a_start_counts_its_jobs(outcome: StartOutcome, said: str) -> None:
    assert words("Start all", IntentResult(1, "done", outcome, None)) == f"Start all: {said}"
