"""`config`: show, set, unset and diff."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.support.workspaces import finished_workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_workspace.make(tmp_path_factory.mktemp("made") / "study").root


@pytest.fixture
def program(made: Path, tmp_path: Path) -> Program:
    return Program(Path(shutil.copytree(made, tmp_path / "study")))


def test_set_says_what_it_means_and_writes_only_what_is_valid(program: Program) -> None:
    file = program.root / "config.toml"
    before = file.read_text()
    shown = program("config", "set", "sft.num_train_epochs", "2", "--dry-run").out
    assert "sft.num_train_epochs 3 → 2\n16 jobs to run, " in shown
    assert "; 16 results superseded\n" in shown
    assert file.read_text() == before
    report = program("config", "set", "sft.num_train_epochs", "2", "--json").json
    assert (report["saved"], len(report["to_run"]), len(report["superseded"])) == (True, 16, 16)
    assert file.read_text() == f"{before}\n[sft]\nnum_train_epochs = 2\n"
    assert "16 results known from before" in program("config", "unset", "sft.num_train_epochs").out
    now = file.read_text()
    for words, message in (
        (("sft.epochs", "2"), "did you mean num_train_epochs?"),
        (("sft.num_train_epochs", "many"), "expected number, > 0, got 'many'"),
        (("recipes.train", "direct/lama"), "line 5: recipes.train: there is no recipe 'direct/lama'"),
        (("runs.lora", "false", "runs.quantization", "nf4"), "weights in 4 bits cannot be trained"),
    ):
        assert message in program("config", "set", *words, code=1).err
    assert "each KEY needs a VALUE" in program("config", "set", "sft.seed", code=2).err
    assert "read-only" in program("--read-only", "config", "set", "sft.seed", "2", code=1).err
    assert file.read_text() == now


def test_show_finds_settings_by_words(program: Program) -> None:
    one = program("config", "show", "dpo.beta").out
    assert "a higher one keeps the student closer" in one
    assert "not in config.toml" in one
    found = program("config", "show", "--set", "--json").json
    assert [one["key"] for one in found if one["key"].startswith("judges.paper")] == [
        "judges.paper.provider",
        "judges.paper.model",
        "judges.paper.swap",
    ]
    assert "no setting contains xyz" in program("config", "show", "xyz", code=1).err


def test_diff_compares_with_the_last_start_or_a_file(program: Program) -> None:
    assert "no record of what config.toml had" in program("config", "diff", code=1).err
    file, started = program.root / "config.toml", program.root / "artifacts/config.toml"
    shutil.copy(file, started)
    assert program("config", "diff").out == "No setting differs.\n"
    file.write_text(file.read_text().replace("swap = false", "swap = true"))
    assert "judges.paper.swap false → true\n5 jobs to run" in program("config", "diff").out
    assert "Changed in config.toml since jobs were last started" in program("run", "--dry-run").out
    assert "judges.paper.swap true → false" in program("config", "diff", started).out


def test_an_invalid_file_is_exit_code_1_with_line_and_remedy(program: Program) -> None:
    file = program.root / "config.toml"
    file.write_text(file.read_text().replace("dimensions", "dimension"))
    for command in ("status", "recipes", "data", "winrates", "batches", "run --dry-run", "config show"):
        err = program(*command.split(), code=1).err
        assert "config.toml, line 9: judges.gpt.dimension: there is no such option" in err
        assert "did you mean dimensions" in err
    assert program("judge", "plan", code=1).err.count("line 9") == 1


def test_a_recipe_that_does_not_exist_is_not_called_a_configuration_without_jobs(program: Program) -> None:
    file = program.root / "config.toml"
    program("config", "set", "recipes.train", '["direct/chatgpt"]')
    file.write_text(file.read_text().replace("direct/chatgpt", "direct/chatgtp"))
    shown = program("status", code=1)
    assert "Did you mean 'direct/chatgpt'?" in shown.err
    assert "defines no jobs" not in shown.out
