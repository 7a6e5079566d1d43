"""The shipped templates: what each strategy asks for, and the conversations that they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import UserError
from core.prompts import templates
from core.recipes import strategies
from core.services.data import prompts
from tests.support.records.synthetic_dialogues import synthetic_dialogues

DIALOGUE = synthetic_dialogues()[1]
REWRITES = [name for name in templates.FIELDS if prompts.prompt_improves(name)]
JUDGES = ("judge", "judge_dimensions")
DIMENSIONS = {
    "cognitive": "Cognitive empathy is understanding",
    "affective": "Affective empathy is sharing",
    "compassionate": "Compassionate empathy is being moved to help",
}
#: Template → the dimensions that it defines.
DEFINED = {
    **dict.fromkeys(
        ("student", "initial", "judge", "judge_dimensions", "all_dimensions", "lacking_dimension"),
        frozenset(DIMENSIONS),
    ),
    **{name: frozenset({name}) for name in DIMENSIONS},
    **{f"sequential_{name}": frozenset({name}) for name in DIMENSIONS},
    "naive": frozenset[str](),
}


def test_every_template_is_known_by_its_purpose_its_fields_and_its_file() -> None:
    shipped = {path.stem for path in Path(templates.__file__).parent.glob("*.txt")}
    assert set(prompts.PURPOSES) == set(templates.FIELDS) == shipped == set(DEFINED)
    used = {turn for response_set in strategies.RESPONSE_SETS.values() for turn in response_set.turns}
    assert used | {"student", *JUDGES} == shipped
    assert sorted([*REWRITES, "student", "initial", *JUDGES]) == sorted(shipped)


@pytest.mark.parametrize("name", templates.FIELDS)
def test_it_loads_and_renders(name: str) -> None:
    text = templates.load(name)
    values = {field: f"<the {field}>" for field in templates.FIELDS[name]}
    rendered = templates.render(text, **values)
    assert all(value in rendered for value in values.values())
    assert "{" not in rendered
    assert "}" not in rendered


@pytest.mark.parametrize("name", templates.FIELDS)
def test_it_defines_the_dimensions_that_it_asks_for_and_no_other(name: str) -> None:
    text = templates.load(name)
    assert {dimension for dimension, words in DIMENSIONS.items() if words in text} == DEFINED[name]
    if name == "naive":
        assert not [dimension for dimension in DIMENSIONS if dimension in text.lower()]
        assert "empathetic" in text


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_keeps_what_was_meant_and_its_length(name: str) -> None:
    text = templates.load(name)
    for words in ("about 28 words on average", "97 words at most", "higher empathetic quality"):
        assert words in text
    assert "Keep the meaning, the intention and the emotion of the original response" in text


@pytest.mark.parametrize("name", [name for name, fields in templates.FIELDS.items() if fields])
def test_what_differs_between_dialogues_comes_last(name: str) -> None:
    """So that all requests of a set begin alike, and the provider's cache can serve the beginning."""
    text = templates.load(name)
    head, found, tail = text.partition("\n\nContext: {situation}\nUtterance: {utterance}\n")
    assert found
    assert "{" not in head
    asked = {
        **dict.fromkeys(JUDGES, "Response 1: {first}\nResponse 2: {second}\nAnswer:"),
        **dict.fromkeys(("student", "initial"), "Response:"),
    }
    assert tail == asked.get(name, "Response: {response}\nImproved response:")


def test_lacking_finds_the_dimension_first_and_tells_only_the_response() -> None:
    text = templates.load("lacking_dimension")
    assert text.index("First find out") < text.index("Then rewrite")
    assert "Do not name the dimension" in text


@pytest.mark.parametrize("name", templates.FIELDS)
def test_the_conversation_of_a_dialogue(name: str, tmp_path: Path) -> None:
    turns = prompts.prompt_conversation(name, tmp_path, DIALOGUE)
    place = {"sequential_affective": 1, "sequential_compassionate": 2}.get(name, 0)
    assert [role for role, _ in turns] == ["user", *["assistant", "user"] * place]
    first = turns[0][1]
    assert f"Context: {DIALOGUE.situation}\nUtterance: {DIALOGUE.utterance}\n" in first
    assert (DIALOGUE.responses["human"].text in first) == (name not in ("student", "initial"))
    assert prompts.prompt_conversation(name, tmp_path, None) == (("user", templates.load(name)),)


def test_sequential_has_five_messages_with_the_teachers_answers_between(tmp_path: Path) -> None:
    turns = prompts.prompt_conversation("sequential_compassionate", tmp_path, DIALOGUE)
    assert len(turns) == 5
    assert [text for role, text in turns if role == "assistant"] == [
        "[the teacher's answer to turn 1]",
        "[the teacher's answer to turn 2]",
    ]
    asked = [text for role, text in turns if role == "user"]
    assert [text.partition(" empathy is ")[0] for text in asked] == [
        "Cognitive",
        "Affective",
        "Compassionate",
    ]
    assert asked[1:] == [templates.load(f"sequential_{name}") for name in ("affective", "compassionate")]


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"there is no prompt 'naif'\. Did you mean 'naive'\? There are: student, .*judge"
    ):
        prompts.prompt_conversation("naif", tmp_path, None)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("naive", "{situation} {utterance}", "lacks the field {response}"),
        ("judge", "{situation} {utterance} {first}", "lacks the field {second}"),
        ("cognitive", "{situation} {utterance} {response} {emotion}", "has the unknown field {emotion}"),
        ("sequential_affective", "{response}", "has the unknown field {response}; it takes none"),
    ],
)
def test_an_override_that_does_not_hold_is_refused_by_file_and_field(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    own = tmp_path / f"{name}.txt"
    own.write_text(text)
    with pytest.raises(UserError) as refused:
        prompts.prompt_conversation(name, tmp_path, DIALOGUE)
    assert f"{own} {problem}" in str(refused.value)
    (found,) = [prompt for prompt in prompts.prompts(tmp_path) if prompt.error is not None]
    assert (found.name, found.path, found.overridden, found.text) == (name, own, True, "")
    assert found.error == str(refused.value)


def test_an_override_takes_part_in_its_conversation(tmp_path: Path) -> None:
    (tmp_path / "sequential_affective.txt").write_text("Now the feelings.")
    turns = prompts.prompt_conversation("sequential_compassionate", tmp_path, DIALOGUE)
    assert turns[2] == ("user", "Now the feelings.")
    assert [prompt.name for prompt in prompts.prompts(tmp_path) if prompt.overridden] == [
        "sequential_affective"
    ]


def test_strays_are_files_that_override_nothing(tmp_path: Path) -> None:
    assert prompts.stray_prompts(tmp_path / "absent") == ()
    for name in ("naive.txt", "naiv.txt", "judge.md", ".naive.txt.swp", ".DS_Store", "naive.txt~", "#x~"):
        (tmp_path / name).write_text("")
    assert [path.name for path in prompts.stray_prompts(tmp_path)] == ["judge.md", "naiv.txt"]
