"""What holds for the batches of every provider, whatever its API does."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.loopback.providers import APIS
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

NAIVE = "generate:improve-human/naive"

#: Provider → what its API does wrong, several things at once in the last one.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"lose_creates": 1},
        {"lose_creates": 3},
        {"lose_uploads": 2},
        {"break_calls": 6},
        {"cut_replies": 3},
        {"corrupt": True},
        {"late_files": 3},
        {"late_contents": 2},
        {"refuse_creates": 3},
        {"lose_creates": 1, "break_calls": 4, "cut_replies": 2, "corrupt": True, "late_files": 2},
    ],
    "google": [
        {"lose_creates": 3},
        {"lose_uploads": 1},
        {"break_calls": 4},
        {"break_on": Counter(create=1, get=3, list=1, download=2)},
        {"cut_replies": 3},
        {"corrupt": True},
        {"late_files": 3},
        {"late_contents": 2},
        {"refuse_creates": 3, "retry_after": "0.1"},
        {"lose_creates": 1, "break_calls": 2, "cut_replies": 2, "corrupt": True, "late_files": 2},
    ],
    "anthropic": [
        {"break_calls": 3},
        {"corrupt": True, "lose_creates": 1},
        {"late_contents": 2, "late_files": 3},
        {"refuse_creates": 3},
        {"lose_creates": 1, "break_calls": 2, "cut_replies": 2, "corrupt": True, "late_files": 2},
    ],
}


@pytest.mark.parametrize("provider", APIS)
def test_live_answers_are_those_of_a_batch(tmp_path: Path, provider: str) -> None:
    with APIS[provider]() as api:
        live = TeacherWorkspace(tmp_path / "live", api.url, mode="live", provider=provider)
        live.run()
        live.assert_all_answered_once(api.paid)
        assert not api.batches
        dialogues = live.open().data.dialogues()
        batch = TeacherWorkspace(tmp_path / "batch", api.url, dialogues=dialogues, provider=provider)
        batch.run()
        assert live.answers() == batch.answers()
        # How the teacher is reached is not part of the work: nothing is requested again.
        assert live.job(NAIVE) == batch.job(NAIVE)
        live.configure(api.url, ["improve-human/naive"], mode="batch")
        before = sum(api.paid.values())
        live.run()
        assert sum(api.paid.values()) == before


@pytest.mark.parametrize(
    ("provider", "faults"),
    [
        pytest.param(provider, faults, id=f"{provider}-{'+'.join(faults)}")
        for provider, made in FAULTS.items()
        for faults in made
    ],
)
def test_a_fault_costs_nothing_twice(tmp_path: Path, provider: str, faults: dict[str, Any]) -> None:
    with APIS[provider]() as api:
        for name, value in faults.items():
            setattr(api.faults, name, copy.copy(value))
        study = TeacherWorkspace(tmp_path, api.url, teacher="batch_tries = 20", provider=provider)
        study.run()
        assert set(study.states().values()) == {"done"}, study.story()
        # A line that came corrupted is left out, and not bought again.
        missing = {d.dialog_id for d in study.train} - {line["dialog_id"] for line in study.answers()}
        assert len(missing) == api.faults.corrupt
        assert sum(api.paid.values()) == len(api.paid) == len(study.train)
        assert len(study.query("SELECT 1 FROM submissions WHERE NOT collected")) == 0
