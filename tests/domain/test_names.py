"""Names are parsed back to what they were formatted from."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UserError
from core.domain.names import (
    METHODS,
    RUN_STAGES,
    ComparisonName,
    JobId,
    JobName,
    NamedSettings,
    RecipeName,
    RunName,
    VersionName,
    is_plain,
    student_of,
)
from core.domain.states import Stage
from core.domain.versions import setting_value

plain = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True)
recipes = st.builds(RecipeName, st.sampled_from(METHODS), plain | st.builds("sequential/{}".format, plain))
keys = st.from_regex(r"(lora\.|sft\.|dpo\.)?[a-z_]{1,12}", fullmatch=True)
values = st.builds(setting_value, st.integers() | st.floats() | st.booleans() | st.text() | st.none()).map(
    lambda value: value.replace("/", "_")
)
settings = st.lists(st.tuples(keys, values), max_size=4).map(tuple)
runs = st.builds(RunName, plain, recipes, st.sampled_from(RUN_STAGES), settings)
responders = plain | st.builds(str, runs)


@given(plain)
def test_what_the_other_names_are_made_of_is_plain(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", ".hidden", "-x", "a\n", "ä"])
def test_what_could_not_be_taken_apart_again_is_not_plain(name: str) -> None:
    assert not is_plain(name)


@given(recipes)
def test_recipes(name: RecipeName) -> None:
    assert RecipeName.parse(str(name)) == name


@given(runs)
def test_runs(name: RunName) -> None:
    assert RunName.parse(str(name)) == name


@given(runs, settings.filter(bool))
def test_a_superseded_version_is_no_run_of_that_name(name: RunName, others: NamedSettings) -> None:
    version = VersionName(str(name), others)
    assert VersionName.parse(str(version)) == version
    assert RunName.parse(str(version)) is None


@given(runs)
def test_runs_that_differ_in_their_seeds_have_a_name_in_common(name: RunName) -> None:
    other = replace(name, settings=(*name.settings, ("seed", "7")))
    assert other.over_seeds == name.over_seeds
    assert RunName.parse(str(name.over_seeds)) == name.over_seeds
    assert not name.over_seeds.seed


@given(st.builds(ComparisonName, responders, responders, plain))
def test_comparisons(name: ComparisonName) -> None:
    assert ComparisonName.parse(str(name)) == name
    assert str(name) == f"{name.sides} @ {name.judge}"


@given(
    st.builds(
        JobName, plain, responders | st.builds(str, st.builds(ComparisonName, responders, plain, plain))
    )
)
def test_jobs(name: JobName) -> None:
    assert JobName.parse(str(name)) == name


@given(plain)
def test_no_other_responder_is_taken_for_a_run(name: str) -> None:
    assert RunName.parse(name) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "m/direct/chatgpt", "m/direct/chatgpt/dpo", "m/chatgpt/sft", "/direct/chatgpt/sft"),
        *(
            "m/direct//sft",
            "m/direct/chatgpt/seed=1",
            "m/direct/chatgpt/sft/seed=",
            "m/direct/chatgpt/sft/=1",
        ),
        "m/direct/chatgpt/sft/a=1,",
    ],
)
def test_what_is_no_run(text: str) -> None:
    assert RunName.parse(text) is None


@pytest.mark.parametrize("text", ["", "direct", "direct/", "indirect/chatgpt"])
def test_what_is_no_recipe(text: str) -> None:
    assert RecipeName.parse(text) is None


@pytest.mark.parametrize("text", ["", "a vs b", "a @ judge", " vs b @ judge", "a vs  @ judge", "a vs b @ "])
def test_what_is_no_comparison(text: str) -> None:
    with pytest.raises(UserError, match="a vs b @ judge"):
        ComparisonName.parse(text)


@pytest.mark.parametrize("text", ["", "compare", "compare:", ":name"])
def test_what_names_no_job(text: str) -> None:
    assert JobName.parse(text) is None


@given(st.sampled_from(get_args(Stage)), st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_ids_of_jobs(stage: Stage, fingerprint: str) -> None:
    id = JobId.of(stage, fingerprint)
    assert JobId.parse(str(id)) == id
    assert fingerprint.startswith(id.digits)
    assert id.stage == stage


@pytest.mark.parametrize(
    "responder",
    [
        "tiny",
        "tiny/held-out",
        "tiny/direct/chatgpt/sft",
        "tiny/direct/chatgpt/sft/seed=1,examples=8",
        "tiny@r=4",
    ],
)
def test_the_student_that_responds(responder: str) -> None:
    assert student_of(responder) == "tiny"
