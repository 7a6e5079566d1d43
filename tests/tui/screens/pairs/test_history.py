"""The order in which everybody's answers to a dialogue are read."""

from __future__ import annotations

from core.domain.data.dialogue_pages import ResponderKind, Response
from tui.screens.pairs import response_rows

RECIPES = ("direct/chatgpt", "direct/llama", "improve-human/naive")


def _everybody() -> list[Response]:
    names: list[tuple[str, ResponderKind]] = []
    for student in ("big", "small"):
        names.append((student, "base"))
        names += [
            (f"{student}/{recipe}/{stage}", "run") for recipe in RECIPES for stage in ("sft", "sft-dpo")
        ]
    names += [("gpt", "teacher"), *((source, "source") for source in ("human", "chatgpt", "llama", "gemini"))]
    return [Response(name, kind, f"says {name}") for name, kind in names]


def _read(found: list[response_rows.ResponseSection]) -> list[list[list[str]]]:
    return [[[one.responder for one in row.responses] for row in section.rows] for section in found]


def test_runs_are_read_across_and_the_shown_ones_first() -> None:
    shown = ("human", "small/direct/llama/sft-dpo")
    found = response_rows.sections(_everybody(), shown, "", wide=True)
    assert [section.title for section in found] == ["small", "big", "Teachers", "In the data"]
    small, big, teachers, data = _read(found)
    assert small[0] == ["small", "small/direct/llama/sft", "small/direct/llama/sft-dpo"]
    assert [row[1] for row in small[1:]] == ["small/direct/chatgpt/sft", "small/improve-human/naive/sft"]
    # The same recipe of the other student stands where it is looked for.
    assert big[0] == ["big", "big/direct/llama/sft", "big/direct/llama/sft-dpo"]
    assert teachers == [["gpt"]]
    assert data == [["human", "chatgpt", "llama"], ["gemini"]]


def test_narrow_rows_hold_one_response() -> None:
    found = response_rows.sections(_everybody(), ("big", "big/direct/chatgpt/sft"), "", wide=False)
    rows = [row for section in _read(found) for row in section]
    assert all(len(row) == 1 for row in rows)
    assert [row[0] for row in rows[:4]] == [
        "big",
        "big/direct/chatgpt/sft",
        "big/direct/chatgpt/sft-dpo",
        "big/direct/llama/sft",
    ]
    assert {row[0] for row in rows} == {response.responder for response in _everybody()}


def test_a_filter_leaves_names_with_all_its_words() -> None:
    found = response_rows.sections(_everybody(), (), "NAIVE small", wide=True)
    naive = ["small", "small/improve-human/naive/sft", "small/improve-human/naive/sft-dpo"]
    assert _read(found) == [[naive]]
    assert _read(response_rows.sections(_everybody(), (), "sft-dpo llama big", wide=False)) == [
        [["big/direct/llama/sft-dpo"]]
    ]
    assert response_rows.sections(_everybody(), (), "nobody", wide=True) == []


def test_the_step_before_a_run() -> None:
    before = {name: one.responder for name, one in response_rows.steps_before(_everybody()).items()}
    assert before["small/direct/llama/sft"] == "small"
    assert before["small/direct/llama/sft-dpo"] == "small/direct/llama/sft"
    assert set(before) == {one.responder for one in _everybody() if one.kind == "run"}
    # Where sft was not answered, the base comes before.
    only = [one for one in _everybody() if one.responder in ("big", "big/direct/llama/sft-dpo")]
    assert response_rows.steps_before(only)["big/direct/llama/sft-dpo"].responder == "big"
