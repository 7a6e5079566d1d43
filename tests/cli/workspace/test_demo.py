"""`demo`: a workspace of its own, the bundled sample, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.api import SAMPLE, UserError, prepare_demo
from core.config.load import load_config
from tests.cli.conftest import Program, end_processes

WARNING = "sample data for trying the program, not research data"


def test_its_configuration_holds_for_the_sample(tmp_path: Path) -> None:
    program = Program(tmp_path / "demo")
    program("init", "--template", "demo")
    program("import", SAMPLE)
    status = program("status", "--json").json
    assert status["config_error"] is None
    assert [(job["stage"], job["name"]) for job in status["jobs"] if job["stage"] == "compare"] == [
        ("compare", "smollm2 vs smollm2/direct/chatgpt/sft @ embedded"),
        ("compare", "smollm2 vs smollm2/direct/chatgpt/sft-dpo @ embedded"),
        ("compare", "smollm2/direct/chatgpt/sft vs smollm2/direct/chatgpt/sft-dpo @ embedded"),
    ]
    assert status["dialogues"]["test"] >= 60
    end_processes(tmp_path)


def test_a_seed_takes_the_place_of_all(tmp_path: Path) -> None:
    prepare_demo(tmp_path / "demo", seed=7)
    config = load_config(tmp_path / "demo" / "config.toml")
    assert {config.recipes.seed, config.sft.seed, config.dpo.seed} == {7}
    with pytest.raises(UserError, match="has seeds of its own"):
        prepare_demo(tmp_path / "demo", seed=8)
    end_processes(tmp_path)


def test_it_goes_on_with_what_is_there(program: Program) -> None:
    (program.root / "config.toml").write_text('[recipes]\ntrain = ["direct/chatgpt"]\n')
    # Without a terminal there is no app, so this is as with --headless.
    result = program("demo", program.root).out
    assert result.index(WARNING) < result.index("recipe direct/chatgpt: done"), "said before anything is seen"
    assert "All done" in result
    again = program("demo", "--headless", EMPATHY_WORKSPACE=str(program.root)).out
    assert "1 of 1 jobs were done before" in again


def test_its_exit_code_tells_when_not_all_was_done(program: Program) -> None:
    program("pause")
    ended = program("demo", program.root, "--headless", code=1)
    assert "paused" in ended.err
    assert "All done" not in ended.out


def test_it_leaves_other_folders_alone(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    refused = program("demo", tmp_path / "mine", "--headless", code=1)
    assert "name another folder" in refused.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
