"""A worker and its supervisor killed around every write to the journal of a batch's life."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.store import intents
from tests.loopback.providers import APIS
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

Rows = dict[str, list[tuple[Any, ...]]]


def rows(study: TeacherWorkspace) -> Rows:
    """All that must be the same however often the processes died, wherever the API was."""
    return {
        "jobs": study.query("SELECT stage, name, state, done, total, error, result FROM jobs ORDER BY 1, 2"),
        "artifacts": study.query("SELECT name, sha256, bytes FROM artifacts ORDER BY 1, 2"),
        "answers": study.query(
            "SELECT dialog_id, outcome, text, input_tokens, output_tokens FROM answers ORDER BY 1"
        ),
    }


def life(root: Path, at: int, when: str, provider: str) -> tuple[int, Rows]:
    """One life with a death in it; how the first supervisor ended, and what was left in the end."""
    with APIS[provider]() as api:
        study = TeacherWorkspace(root, api.url, provider=provider)
        (root / "kill.json").write_text(json.dumps({"at": at, "when": when}))
        study.ask(intents.Start(targets=("generate",)))
        code = study.finish(dying=True)
        assert study.finish(dying=True) == 0, study.story()
        assert set(study.states().values()) == {"done"}, study.story()
        assert len(api.paid) == len(study.train)
        assert set(api.paid.values()) == {1}, f"{when} {at}: paid twice\n{study.story()}"
        assert api.calls["create"] == 1, f"{when} {at}: submitted twice\n{study.story()}"
        open_ = study.query("SELECT token FROM submissions WHERE NOT collected")
        assert not open_, f"{when} {at}: {open_}"
        return code, rows(study)


@pytest.mark.parametrize(("provider", "last"), [("openai", 99), ("anthropic", 7)])
def test_killed_around_every_record_of_a_batch(tmp_path: Path, provider: str, last: int) -> None:
    """Or around those until it is created: there Claude's batches differ."""
    code, undisturbed = life(tmp_path / "none", 0, "after", provider)
    assert code == 0
    records = int((tmp_path / "none" / "journalled.txt").read_text())
    assert records > 8
    moments = [(at, when) for at in range(1, min(records, last) + 1) for when in ("before", "after")]
    numbers = count()
    with ThreadPoolExecutor(3) as pool:
        lives = list(pool.map(lambda m: life(tmp_path / f"{next(numbers)}", m[0], m[1], provider), moments))
    for moment, (code, left) in zip(moments, lives, strict=True):
        # The last record ends the job: the supervisor may take it in before it is killed.
        assert code == -signal.SIGKILL or moment[0] == records, moment
        assert left == undisturbed, moment
