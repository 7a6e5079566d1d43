"""runs and its subcommands: for people, and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.support.workspaces import finished_workspace

SFT = "small/direct/chatgpt/sft"
OLD = f"{SFT}@epochs=3"


@pytest.fixture
def study(tmp_path: Path) -> Program:
    """Its runs are superseded."""
    workspace = finished_workspace.make(tmp_path / "study")
    workspace.config.write_text(finished_workspace.CONFIG + "[sft]\nnum_train_epochs = 1\n")
    return Program(workspace.root)


def test_superseded_runs_are_listed_noted_and_deleted(study: Program) -> None:
    found = {row["run"]["name"]: row["run"] for row in study("runs", "list", "--json").json}
    assert (found[SFT]["is_superseded"], found[OLD]["is_superseded"]) == (False, True)
    assert (found[SFT]["settings"]["epochs"], found[OLD]["settings"]["epochs"]) == ("1", "3")
    assert found[OLD]["rate"]["win_rate_b"] is not None

    lines = study("runs", "list", "--sort", "win rate", "--filter", "epochs=3").out.splitlines()
    assert "63.7 %" in lines[1]
    assert all("superseded" in line for line in lines[1:5])
    assert "no column is named 'colour'" in study("runs", "list", "--sort", "colour", code=1).err
    assert "None of 8 runs" in study("runs", "list", "--filter", "nothing").out

    compared = study("runs", "compare", OLD, SFT, "--json").json
    assert compared["settings"] == ["epochs"]
    assert "67.1 %" in study("runs", "compare", OLD, SFT).out

    assert study("runs", "tag", OLD, "long", "--json").json[0]["run"]["notes"]["tags"] == ["long"]
    study("runs", "note", OLD, "answers repeat")
    never = (("archive", SFT), ("tag", SFT, "long"), ("note", SFT, "short"), ("delete", SFT, "--yes"))
    for words in never:
        assert f"{SFT} was never started" in study("runs", *words, code=1).err
    assert f"{OLD} is superseded" in study("publish", OLD, study.root / "out", code=1).err
    study("runs", "archive", OLD)
    assert OLD not in study("runs").out
    shown = study("runs", "list", "--archived").out
    assert "⊙ archived" in shown
    assert "answers repeat" in shown
    study("runs", "archive", OLD, "--undo")
    assert OLD in study("runs").out
    assert study("runs", "--json").json == study("runs", "list", "--json").json

    assert "confirm with --yes" in study("runs", "delete", OLD, code=1).err
    assert "2 runs" not in study("runs", "delete", OLD, "--yes").out
    assert OLD not in study("runs", "list", "--archived").out


def test_a_read_only_workspace_is_only_looked_at(study: Program) -> None:
    command = Program(study.root)
    assert OLD in command("--read-only", "runs").out
    for words in (
        ("archive", OLD),
        ("tag", OLD, "one"),
        ("note", OLD, "text"),
        ("delete", OLD, "--yes"),
    ):
        assert "read-only" in command("--read-only", "runs", *words, code=1).err, words
