"""Changes of config.toml's text: comments, order and line ends stay, and nothing else changes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.config import edit, keys
from core.config.load import load_config, parse_config
from core.config.problems import InvalidOptionError
from core.services.creation.workspace_creation import TEMPLATES

DEFAULT = (TEMPLATES / "default.toml").read_text(encoding="utf-8")
LIST = '[recipes]\ntrain = [  # these\n  "a/b",  # first\n  "c/d",\n  # "x/y",\n]  # end\nseed = 1\n'


def lines_that_differ(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_one_line_changes_and_its_comment_stays() -> None:
    made = edit.changed(DEFAULT, {"runs.device": "cpu"})
    gone, new = lines_that_differ(DEFAULT, made)
    assert gone == ['device = "auto"             # auto (a GPU when there is one), cpu, cuda, mps']
    assert [line.split() for line in new] == [gone[0].replace("auto", "cpu", 1).split()]


def test_a_new_option_comes_after_the_last_one_of_its_table() -> None:
    made = edit.changed(DEFAULT, {"recipes.sft_limit": 64})
    assert "seed = 42\nsft_limit = 64\n" in made
    assert lines_that_differ(DEFAULT, made) == ([], ["sft_limit = 64"])


def test_a_new_table_comes_last_and_names_with_dots_are_quoted() -> None:
    changes = {"teachers.gpt-4.1.provider": "openai", "teachers.gpt-4.1.model": "gpt-4.1"}
    made = edit.changed(DEFAULT, changes)
    assert made == DEFAULT + '\n[teachers."gpt-4.1"]\nprovider = "openai"\nmodel = "gpt-4.1"\n'
    assert parse_config(made).teachers["gpt-4.1"].model == "gpt-4.1"


def test_items_of_a_list_come_and_go_between_their_comments() -> None:
    made = edit.changed(LIST, {"recipes.train": ["c/d", "e/f"]})
    assert tomllib.loads(made)["recipes"] == {"train": ["c/d", "e/f"], "seed": 1}
    assert '# "x/y",' in made
    assert "]  # end" in made


def test_line_ends_stay() -> None:
    text = LIST.replace("\n", "\r\n")
    made = edit.changed(text, {"recipes.seed": 2, "recipes.teacher": "gpt"})
    assert made == text.replace("seed = 1", 'seed = 2\r\nteacher = "gpt"')


@pytest.mark.parametrize(
    "text",
    [
        "sft.seed = 1\n",
        "sft = { seed = 1 }\n",
        "[judges.a]\nprovider = 'embedded'\n[sft]\nseed = 1\n[judges.b]\nprovider = 'embedded'\n",
        "",
        "# nothing yet",
    ],
)
def test_every_way_to_write_a_table_can_be_changed_and_changed_back(text: str) -> None:
    made = edit.changed(text, {"sft.seed": 2, "sft.max_steps": 3})
    assert (parse_config(made).sft.seed, parse_config(made).sft.max_steps) == (2, 3)
    back = edit.changed(made, {"sft.seed": None, "sft.max_steps": None})
    assert tomllib.loads(back).get("sft", {}) == {}


@pytest.mark.parametrize("path", TEMPLATES.glob("*.toml"), ids=lambda path: path.name)
def test_the_shipped_files_can_be_changed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    config = load_config(path)
    student = next(iter(config.students))
    made = edit.changed(text, {"sft.num_train_epochs": 7, f"students.{student}.eos_token": "</s>"})
    changed = parse_config(made)
    assert changed.sft.num_train_epochs == 7
    assert changed.students[student].eos_token == "</s>"
    assert text.count("#") == made.count("#")


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("sft.num_train_epochs", "2", 2),
        ("runs.device", "cpu", "cpu"),
        ("runs.device", '"cpu"', "cpu"),
        ("recipes.train", "direct/a, direct/b", ["direct/a", "direct/b"]),
        ("recipes.train", '["direct/a"]', ["direct/a"]),
        ("grid.seeds", "1, 2", [1, 2]),
        ("grid.seeds", "7", [7]),
        ("grid.sft.learning_rate", "1e-5, 2e-5", [1e-5, 2e-5]),
        ("grid.sft.lr_scheduler_type", "linear, cosine", ["linear", "cosine"]),
        ("runs.lora", "false", False),
        ("students.a.revision", "1", "1"),
        ("sft.extra.adam_beta2", "0.9", 0.9),
        ("app.keys.home.retry", "R", "R"),
        ("comparisons.extra", "[{a = 'x', b = 'y'}]", [{"a": "x", "b": "y"}]),
    ],
)
def test_values_are_typed_as_in_toml_or_without_quotes(key: str, typed: str, value: object) -> None:
    assert edit.parse_value(keys.find(key), typed) == value


@pytest.mark.parametrize(
    ("key", "typed", "message"),
    [
        ("sft.learning_rate", "0", "expected number, > 0, got '0'"),
        ("runs.device", "gpu", 'expected "auto", "cpu", "cuda", "mps"'),
        ("sft.seed", "1\nx = 2", "expected integer"),
        ("sft.epochs", "1", "did you mean num_train_epochs"),
        ("sft", "1", "names a table"),
        ("a..b", "1", "is not the name of an option"),
    ],
)
def test_what_is_wrong_is_said(key: str, typed: str, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        edit.parse_value(keys.find(key), typed)
