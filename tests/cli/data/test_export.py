"""export llama-factory with recipes whose teacher is asked: what has answers is written, the rest named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.prompts import templates
from tests import loopback
from tests.cli.conftest import Program, end_processes
from tests.loopback import expected_answer
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

DIRECT = {f"direct/{name}" for name in ("chatgpt", "llama", "gemini", "mixtral", "all_together")}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeacherWorkspace]:
    """A workspace whose teacher has answered for two of its recipes; nothing was requested for the third."""
    root = tmp_path_factory.mktemp("study")
    with loopback.running() as api:
        recipes = ["improve-human/naive", "improve-llm/cognitive", "improve-human/combined"]
        made = TeacherWorkspace(root, api.url, recipes, mode="live", dialogues=synthetic_dialogues(rows=24))
        made.run("recipe:improve-human/naive", "recipe:improve-llm/cognitive")
        yield made
    end_processes(root)


@pytest.fixture
def program(study: TeacherWorkspace) -> Program:
    return Program(study.workspace.root)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    info = json.loads((folder / "dataset_info.json").read_text())
    return list(json.loads((folder / info[name]["file_name"]).read_text(encoding="utf-8")))


def test_the_recipes_that_are_answered_are_exported(
    program: Program, study: TeacherWorkspace, tmp_path: Path
) -> None:
    folder = tmp_path / "all"
    written = program("export", "llama-factory", folder, "--json").json["files"]
    info = json.loads((folder / "dataset_info.json").read_text())
    exported = DIRECT | {"improve-human/naive", "improve-llm/cognitive"}
    assert set(info) == {f"{name.replace('/', '_')}_{kind}" for name in exported for kind in ("sft", "dpo")}
    assert {Path(path).name for path in written} == {path.name for path in folder.iterdir()}
    for recipe in ("improve-human/naive", "improve-llm/cognitive"):
        result = study.result(f"recipe:{recipe}")
        sft = rows(folder, f"{recipe.replace('/', '_')}_sft")
        dpo = rows(folder, f"{recipe.replace('/', '_')}_dpo")
        assert (len(sft), len(dpo)) == (result["sft_examples"], result["preference_pairs"])
        improved = {line["text"] for line in study.answers(recipe)}
        human = {d.responses["human"].text for d in study.train}
        assert {row["messages"][1]["content"] for row in sft[1::2]} <= improved
        assert {row["messages"][1]["content"] for row in sft[::2]} <= human
        assert {row["chosen"]["value"] for row in dpo} <= improved
        assert {row["rejected"]["value"] for row in dpo} <= human


def test_what_is_improved_is_the_teachers_own_response_in_improve_llm(study: TeacherWorkspace) -> None:
    own = {line["dialog_id"]: line["text"] for line in study.answers("improve-llm/initial")}
    lines = study.answers("improve-llm/cognitive")
    assert {line["dialog_id"]: line["original"] for line in lines} == own
    assert all(line["text"] != own[line["dialog_id"]] for line in lines)
    assert set(own) == {d.dialog_id for d in study.train}


def test_one_alone(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    result = program("export", "llama-factory", folder, "--recipe", "improve-human/naive")
    assert [Path(line).name for line in result.out.splitlines()] == [
        "improve-human_naive_sft.json",
        "improve-human_naive_dpo.json",
        "dataset_info.json",
    ]


@pytest.mark.parametrize("recipe", ["improve-human/combined", "improve-llm/sequential"])
def test_one_without_answers_is_refused_with_the_remedy(
    program: Program, tmp_path: Path, recipe: str
) -> None:
    folder = tmp_path / "none"
    words = ("--recipe", "improve-human/naive", "--recipe", recipe)
    refused = program("export", "llama-factory", folder, *words, code=1)
    assert f"the teacher responses of {recipe} are not generated yet" in refused.err
    assert "recipes.train in config.toml" in refused.err
    assert f"`empathy-tui run recipe:{recipe}`" in refused.err
    assert not folder.exists()


def test_a_set_of_answers_tells_what_was_asked(study: TeacherWorkspace) -> None:
    line = study.answers()[0]
    dialogue = next(d for d in study.train if d.dialog_id == line["dialog_id"])
    text = templates.render(
        templates.load("naive"),
        situation=dialogue.situation,
        utterance=dialogue.utterance,
        response=line["original"],
    )
    assert line["text"] == expected_answer([{"role": "user", "content": text}])
