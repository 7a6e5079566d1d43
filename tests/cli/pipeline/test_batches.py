"""The commands about teachers, on a workspace with a teacher behind the loopback API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import loopback
from tests.cli.conftest import Program
from tests.loopback import KEY, Api
from tests.support.processes.supervising import supervised
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

PRICES = """
[prices]
date = 2026-06-01
[prices.models.gpt-4o]
input = 2.5
output = 10.0
"""
NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


@pytest.fixture
def program(tmp_path: Path, api: Api) -> Iterator[Program]:
    recipes = ["improve-human/naive", "improve-human/sequential"]
    dialogues = synthetic_dialogues(rows=16)
    TeacherWorkspace(tmp_path / "work", api.url, recipes, more=PRICES, dialogues=dialogues)
    with supervised(tmp_path / "work", OPENAI_API_KEY=KEY):
        yield Program(tmp_path / "work")


def test_what_would_be_asked_and_cost(program: Program, api: Api) -> None:
    result = program("run", "--dry-run").out
    assert "improve-human/naive" in result
    assert "improve-human/sequential" in result
    assert "prices as of 2026-06-01" in result
    found = program("run", "--dry-run", "--json").json
    assert [one["requests"] for one in found["recipes"]] == [12, 36]
    assert found["usd"] == pytest.approx(sum(one["usd"] for one in found["recipes"]))
    assert found["usd"] > 0
    only = program("run", "recipe:improve-human/naive", "--dry-run", "--json").json
    assert [one["recipe"] for one in only["recipes"]] == ["improve-human/naive"]
    assert "is named 'nothing'" in program("run", "nothing", "--dry-run", code=1).err
    # Nothing was sent, and no job was requested.
    assert not api.calls
    assert not any(job["requested"] for job in program("status", "--json").json["jobs"])
    assert program("run", "--dry-run", "--wait", code=2).err


def test_returning_once_the_batches_are_submitted(program: Program, api: Api) -> None:
    api.faults.hold = True
    result = program("run", "recipe", "--no-wait", OPENAI_API_KEY=KEY).out
    # The later rounds wait for the first: two batches are all that can be on their way.
    assert sorted(word for word in result.split() if word.startswith("batch_")) == sorted(api.batches)
    assert len(api.batches) == 2
    found = program("batches", "--json").json["batches"]
    assert {one["batch"] for one in found} == set(api.batches)
    # Nobody waits here; what comes is collected nevertheless.
    api.faults.hold = False
    assert program("run", "recipe", "--wait", OPENAI_API_KEY=KEY).code == 0
    assert set(api.paid.values()) == {1}


def test_looking_at_batches(program: Program, api: Api) -> None:
    assert "No requests were sent yet" in program("batches").out
    api.faults.fail_share = 0.3
    program("run", "recipe:improve-human/naive", "--wait", OPENAI_API_KEY=KEY)
    listed = program("batches").out
    assert "batch_000000" in listed
    assert "completed" in listed
    assert "spent" in listed
    shown = program("batches", "show", "batch_000000", "--requests").out
    assert "in_progress" in shown
    assert "500: server_error: The server had an error" in shown
    assert KEY not in listed + shown
    found = program("batches", "show", "batch_000000", "--requests", "--json").json
    assert len(found["requests"]) == found["batch"]["requests"] == 12
    assert {event["state"] for event in found["timeline"]} >= {"intended", "validating", "completed"}
    token = found["batch"]["token"]
    assert program("batches", "show", token[:8], "--json").json["batch"]["token"] == token
    assert "there is no batch 'nobody'" in program("batches", "show", "nobody", code=1).err
    assert "names" in program("batches", "show", "batch_", code=1).err or len(api.batches) == 1
    for command in ("refresh", "cancel", "retry"):
        assert "its job is done" in program("batches", command, "batch_000000", code=1).err


def test_cancelling_and_asking_again(program: Program, api: Api) -> None:
    api.faults.hold = True
    program("run", NAIVE, "--no-wait", OPENAI_API_KEY=KEY)
    assert "polling batch_000000" in program("batches", "refresh", "batch_000000", OPENAI_API_KEY=KEY).out
    program("batches", "cancel", "batch_000000", OPENAI_API_KEY=KEY)
    assert api.batches["batch_000000"]["status"] == "cancelled"
    api.faults.hold = False
    assert "retrying " in program("batches", "retry", "batch_000000", OPENAI_API_KEY=KEY).out
    program("run", NAIVE, "--wait", OPENAI_API_KEY=KEY)
    assert set(api.paid.values()) == {1}


def test_adopting_a_batch(program: Program, api: Api, tmp_path: Path) -> None:
    program("run", NAIVE, "--wait", OPENAI_API_KEY=KEY)
    other = Program(tmp_path / "other")
    TeacherWorkspace(other.root, api.url, ["improve-human/naive"], dialogues=synthetic_dialogues(rows=16))
    with supervised(other.root, OPENAI_API_KEY=KEY):
        adopt(other, api)


def adopt(other: Program, api: Api) -> None:
    assert "--job" in other("batches", "adopt", "batch_000000", code=1).err
    other("pause", OPENAI_API_KEY=KEY)
    other("run", "recipe", OPENAI_API_KEY=KEY)
    assert "checking batch_000000" in other("batches", "adopt", "batch_000000", OPENAI_API_KEY=KEY).out
    other("resume", OPENAI_API_KEY=KEY)
    other("run", "recipe", "--wait", OPENAI_API_KEY=KEY)
    assert api.calls["create"] == 1
    assert json.loads(other("batches", "--json").out)["batches"][0]["batch"] == "batch_000000"
