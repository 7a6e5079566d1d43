"""prompts: the list, one template, one dialogue's conversation, and overrides that do not hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.prompts import templates
from core.services.data import prompts
from tests.cli.conftest import Program, end_processes, make_program
from tests.support.records.synthetic_dialogues import synthetic_csv, synthetic_dialogues

DIALOGUE = synthetic_dialogues()[5]
HOSTILE = "\x1b]0;owned\x07\x1b[2J [bold]x[/bold] \u202egnp.exe"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    make_program(folder / "loaded")("import", synthetic_csv(folder / "made.csv"))
    end_processes(folder)
    return folder / "loaded"


@pytest.fixture
def loaded(imported: Path, tmp_path: Path) -> Iterator[Program]:
    """A workspace with data."""
    yield Program(shutil.copytree(imported, tmp_path / "work"))
    end_processes(tmp_path)


def override(program: Program, name: str, text: str) -> Path:
    path = program.root / "prompts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_list(program: Program) -> None:
    result = program("prompts", COLUMNS="200")
    for name, purpose in prompts.PURPOSES.items():
        assert f"{name} " in result.out
        assert purpose in result.out
    assert "prompts/" not in result.out
    assert result.err == ""
    found = program("prompts", "--json").json
    assert [prompt["name"] for prompt in found["prompts"]] == list(prompts.PURPOSES)
    assert found["strays"] == []
    for prompt in found["prompts"]:
        assert set(prompt) == {"name", "purpose", "fields", "path", "overridden", "text", "error"}
        assert set(prompt["fields"]) == templates.FIELDS[prompt["name"]]
        assert (prompt["overridden"], prompt["error"]) == (False, None)
        assert prompt["text"] == templates.load(prompt["name"])


def test_an_override_and_what_overrides_nothing(program: Program) -> None:
    own = override(program, "naive.txt", "Better: {situation} {utterance} {response}")
    stray = override(program, "naif.txt", "")
    for name in (".naive.txt.swp", "naive.txt~"):
        override(program, name, "")
    result = program("prompts", COLUMNS="200")
    assert result.out.count("prompts/") == 1
    assert result.err == f"{stray} overrides nothing: there is no prompt of that name.\n"
    found = program("prompts", "--json").json
    assert found["strays"] == [str(stray)]
    own_ones = [prompt for prompt in found["prompts"] if prompt["overridden"]]
    assert program("prompts", "check", "--json").json == found | {"prompts": own_ones}
    (naive,) = [prompt for prompt in found["prompts"] if prompt["overridden"]]
    assert (naive["name"], naive["path"], naive["text"]) == ("naive", str(own), own.read_text())
    assert program("prompts", "show", "naive").out == own.read_text() + "\n"


def test_a_template_that_does_not_hold(loaded: Program) -> None:
    own = override(loaded, "naive.txt", "Better: {situation} {utterance}")
    override(loaded, "judge.txt", "{situation} {utterance} {first} {second} {third}")
    result = loaded("prompts", code=1, COLUMNS="300")
    assert f"{own} lacks the field {{response}}" in result.out
    assert "has the unknown field {third}; it takes {first}, {second}, {situation}, {utterance}" in result.out
    assert result.err == "empathy-tui: 2 of 13 prompts are invalid: naive, judge\n"
    as_json = loaded("prompts", "--json", code=1)
    broken = {prompt["name"]: prompt for prompt in as_json.json["prompts"] if prompt["error"] is not None}
    assert set(broken) == {"naive", "judge"}
    assert broken["naive"]["text"] == ""
    for words in (["naive"], ["naive", "--dialogue", DIALOGUE.dialog_id], ["naive", "--json"]):
        refused = loaded("prompts", "show", *words, code=1)
        assert refused.err == f"empathy-tui: the prompt template {own} lacks the field {{response}}\n"
        assert refused.out == ""
    assert loaded("prompts", "show", "cognitive").out


@pytest.mark.parametrize("name", prompts.PURPOSES)
def test_showing_one(loaded: Program, name: str) -> None:
    assert loaded("prompts", "show", name).out == templates.load(name) + "\n"
    turns = prompts.prompt_conversation(name, loaded.root / "prompts", DIALOGUE)
    result = loaded("prompts", "show", name, "--dialogue", DIALOGUE.dialog_id)
    for role, text in turns:
        assert text in result.out
        assert (f"── {role}" in result.out) == (len(turns) > 1)
    improves = name not in ("student", "initial", "judge", "judge_dimensions")
    assert result.err.count("\n") == improves
    assert ("improve-llm improves the teacher's own" in result.err) == improves
    as_json = loaded("prompts", "show", name, "--dialogue", DIALOGUE.dialog_id, "--json")
    assert [(turn["role"], turn["content"]) for turn in as_json.json] == list(turns)
    assert as_json.err == ""


def test_what_is_not_there(loaded: Program) -> None:
    refused = loaded("prompts", "show", "naif", code=1)
    assert "there is no prompt 'naif'" in refused.err
    assert "lacking_dimension" in refused.err
    refused = loaded("prompts", "show", "naive", "--dialogue", "nobody", code=1)
    assert refused.err == "empathy-tui: the imported data has no dialogue 'nobody'\n"
    assert refused.out == ""


def test_without_data_there_is_no_dialogue(program: Program) -> None:
    refused = program("prompts", "show", "naive", "--dialogue", DIALOGUE.dialog_id, code=1)
    assert "has no dialogue" in refused.err


def test_hostile_text_is_shown_and_steers_nothing(loaded: Program) -> None:
    text = f"{HOSTILE}\n{{situation}} {{utterance}} {{response}}"
    override(loaded, "naive.txt", text)
    override(loaded, "cognitive.txt", f"{HOSTILE} {{situation}} {{utterance}}")
    override(loaded, f"stray{HOSTILE.replace('/', '')}.txt", "")
    shown = [
        loaded("prompts", code=1),
        loaded("prompts", "show", "naive"),
        loaded("prompts", "show", "naive", "--dialogue", DIALOGUE.dialog_id),
        loaded("prompts", "show", "cognitive", code=1),
        loaded("prompts", "show", HOSTILE, code=1),
        loaded("prompts", "show", "naive", "--dialogue", HOSTILE, code=1),
    ]
    for result in shown:
        for bad in ("\x1b", "\x07", "\u202e"):
            assert bad not in result.out + result.err
    assert "␛]0;owned␇␛[2J [bold]x[/bold] <U+202E>gnp.exe\n{situation}" in shown[1].out
    assert "stray␛]0;owned" in shown[0].err
    as_json = loaded("prompts", "show", "naive", "--json")
    assert as_json.out.isascii()
    assert as_json.json[0]["content"] == text


def test_a_template_that_is_no_text(program: Program) -> None:
    own = override(program, "naive.txt", "")
    own.write_bytes(b"\x1b\xff")
    assert "cannot be read" in program("prompts", "show", "naive", code=1).err
    own.unlink()
    own.mkdir()
    refused = program("prompts", code=1, COLUMNS="300")
    assert "is a folder, not a file" in refused.out
    assert "Traceback" not in refused.err


def test_a_strategy_of_ones_own(loaded: Program) -> None:
    path = loaded.root / "prompts" / "strategies" / "polite.txt"
    assert "the built-in prompts are used" in loaded("prompts", "check").out
    assert loaded("prompts", "new", "polite").out == f"{path}\n"
    assert "exists already" in loaded("prompts", "new", "polite", code=1).err
    assert "is not a name for a strategy" in loaded("prompts", "new", "../polite", code=1).err
    assert loaded("prompts", "check").out == f"{path}: ok\n"
    listed = [recipe["name"] for recipe in loaded("recipes", "--json").json]
    assert listed[-2:] == ["improve-human/polite", "improve-llm/polite"]
    shown = loaded("prompts", "show", "strategies/polite").out
    assert shown == templates.load("naive") + "\n"
    assert loaded("prompts", "show", "polite").out == shown
    path.write_text(path.read_text().replace("{utterance}", "{uterance}"))
    refused = loaded("prompts", "check", code=1)
    assert "unknown field {uterance}. Did you mean 'utterance'?\n" in refused.out
    assert "1 of 1 prompts are invalid: strategies/polite" in refused.err


def test_the_differences(loaded: Program) -> None:
    assert "used as they are" in loaded("prompts", "diff").out
    shipped = Path(templates.__file__).with_name("judge.txt").read_text()
    override(loaded, "judge.txt", shipped.replace("Answer:", "Your answer:"))
    shown = loaded("prompts", "diff", "judge").out.splitlines()
    assert shown[:2] == ["--- built-in/judge.txt", "+++ prompts/judge.txt"]
    assert shown[-2:] == ["-Answer:", "+Your answer:"]
    assert "Did you mean 'judge'?" in loaded("prompts", "diff", "juge", code=1).err


def test_the_differences_of_an_own_strategy_are_those_from_a_new_one(loaded: Program) -> None:
    loaded("prompts", "new", "polite")
    assert "used as they are" in loaded("prompts", "diff").out
    path = loaded.root / "prompts" / "strategies" / "polite.txt"
    path.write_text(path.read_text().replace('description = ""', 'description = "politer"'))
    for names in ((), ("polite",), ("strategies/polite",)):
        shown = loaded("prompts", "diff", *names).out.splitlines()
        assert shown[:2] == ["--- a new strategy", "+++ prompts/strategies/polite.txt"]
        assert [line for line in shown[3:] if line[0] in "+-"] == [
            '-description = ""',
            '+description = "politer"',
        ]
    for name in ("polite", "strategies/polite"):
        filled = loaded("prompts", "show", name, "--dialogue", DIALOGUE.dialog_id)
        assert "is the one to improve here" in filled.err
    assert "Did you mean 'polite'?" in loaded("prompts", "show", "polit", code=1).err
