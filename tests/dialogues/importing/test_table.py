"""A CSV goes in whole, or not at all, with everything that is wrong in it named and placed."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import DataSettings, SplitRule
from core.dialogues.importing.table import read_table
from core.dialogues.problems import (
    MAX_KEPT,
    MAX_PROBLEMS,
    TableError,
)
from core.dialogues.sources import csv_rows
from tests.dialogues.csv_files import places_of, problems_of, simple_lines
from tests.support.records.synthetic_dialogues import (
    SOURCES,
    columns,
    filled_texts,
    synthetic_csv,
    synthetic_dialogues,
    synthetic_rows,
    texts,
    write_rows,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def with_cell(path: Path, row: int, column: str, text: str) -> Path:
    rows = synthetic_rows(6)
    rows[row - 1][column] = text
    return write_rows(path, rows, columns())


def test_made_rows_come_in_whole(path: Path) -> None:
    read = read_table(synthetic_csv(path))
    assert list(read.dialogues) == synthetic_dialogues()
    assert read.sources == SOURCES
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "part_no" in read.ignored
    assert "annotator_llama_empathy" in read.ignored
    assert not {"dialog_id", "sentiment", "rating_human", "response_human"} & set(read.ignored)
    assert Counter(d.split for d in read.dialogues)["test"] == 12


def test_the_real_file(reference_dataset: Path) -> None:
    read = read_table(reference_dataset)
    assert len(read.dialogues) == len({d.dialog_id for d in read.dialogues}) == 2000
    assert len({d.situation for d in read.dialogues}) == 1998
    assert len({d.utterance for d in read.dialogues}) == 1998
    assert Counter(d.split for d in read.dialogues) == {"train": 1750, "test": 250}
    assert read.sources == SOURCES


def test_other_sources_are_discovered(path: Path) -> None:
    read = read_table(synthetic_csv(path, sources=("gpt-4o", "chatgpt")))
    assert read.sources == ("gpt-4o", "chatgpt")
    assert set(read.dialogues[0].responses) == {"human", "gpt-4o", "chatgpt"}


def test_sources_without_the_suffix_and_columns_without_need(path: Path) -> None:
    header = ["dialog_id", "emotion", "situation", "speaker_uttr", "extra"]
    header += ["response_human", "rating_human", "response_mine", "rating_mine"]
    row = dict.fromkeys(header, "text") | {"rating_human": "3", "rating_mine": " 2.0 "}
    by_ratings = DataSettings(split=SplitRule(by="ratings"))
    read = read_table(write_rows(path, [row], header), by_ratings)
    assert read.sources == ("mine",)
    assert read.ignored == ("extra",)
    assert read.dialogues[0].responses["mine"].rating == 2
    assert (read.dialogues[0].sentiment, read.dialogues[0].plutchik) == ("", "")


@given(
    situation=filled_texts(),
    response=filled_texts(),
    sentiment=texts(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_texts_come_in_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, situation: str, response: str, sentiment: str, end: str
) -> None:
    path = tmp_path_factory.mktemp("letters") / "data.csv"
    rows = synthetic_rows(3)
    rows[1] |= {"situation": situation, "response_llama_empathy": response, "sentiment": sentiment}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(), lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    read = read_table(path).dialogues
    assert len(read) == 3
    assert (read[1].situation, read[1].responses["llama"].text) == (situation, response)


@pytest.mark.parametrize(
    "column", ["dialog_id", "emotion", "situation", "speaker_uttr", "response_human", "rating_human"]
)
def test_a_missing_column(path: Path, column: str) -> None:
    write_rows(path, synthetic_rows(3), [c for c in columns() if c != column])
    assert places_of(path) == [(None, 1, column)]


@pytest.mark.parametrize("kind", ["response", "rating"])
def test_half_a_source(path: Path, kind: str) -> None:
    column = f"{kind}_gemini_empathy"
    write_rows(path, synthetic_rows(3), [c for c in columns() if c != column])
    assert places_of(path) == [(None, 1, column)]


def test_no_source_but_the_human_one(path: Path) -> None:
    read = read_table(write_rows(path, synthetic_rows(3, sources=()), columns(())))
    assert read.sources == ()
    assert [list(dialogue.responses) for dialogue in read.dialogues] == [["human"]] * 3


@pytest.mark.parametrize("name", ["", "all_together", "../x", "a b", "\x1b[31m", "x" * 65])
def test_names_that_cannot_be_a_source(path: Path, name: str) -> None:
    header = [*columns(("chatgpt",)), f"response_{name}", f"rating_{name}"]
    write_rows(
        path, [row | {f"rating_{name}": "1"} for row in synthetic_rows(3, sources=("chatgpt",))], header
    )
    found = problems_of(path)
    assert [problem.column for problem in found] == [f"response_{name}"]
    assert "\x1b" not in str(found[0])


def test_two_columns_for_one_source(path: Path) -> None:
    header = [*columns(), "response_llama", "rating_llama"]
    assert places_of(write_rows(path, synthetic_rows(3), header)) == [(None, 1, "response_llama")]


def test_a_column_twice(path: Path) -> None:
    synthetic_csv(path, rows=3)
    first, rest = path.read_text().split("\n", 1)
    path.write_text(first.replace("part_no", "emotion") + "\n" + rest)
    assert places_of(path) == [(None, 1, "emotion")]


@pytest.mark.parametrize("column", ["dialog_id", "emotion", "situation", "speaker_uttr"])
@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text(path: Path, column: str, text: str) -> None:
    assert places_of(with_cell(path, 4, column, text)) == [(4, 5, column)]


def test_a_dialog_id_twice_names_both_rows(path: Path) -> None:
    with_cell(path, 5, "dialog_id", "made:1")
    (problem,) = problems_of(path)
    assert (problem.row, problem.line, problem.column) == (5, 6, "dialog_id")
    assert "row 2 (line 3)" in problem.message


def test_a_dialog_id_that_is_a_text(path: Path) -> None:
    assert places_of(with_cell(path, 4, "dialog_id", "long " * 100)) == [(4, 5, "dialog_id")]


def test_rows_are_placed_behind_embedded_line_ends(path: Path) -> None:
    rows = synthetic_rows(3)
    rows[0]["situation"] = "one\ntwo\r\nthree"
    rows[2]["emotion"] = ""
    assert places_of(write_rows(path, rows, columns())) == [(3, 6, "emotion")]


@pytest.mark.parametrize("change", [lambda line: line + ",more", lambda line: line.rsplit(",", 1)[0]])
def test_a_ragged_row(path: Path, change: object) -> None:
    path.write_text("\n".join(simple_lines(3)) + "\n")
    lines = path.read_text().split("\n")
    lines[2] = change(lines[2])  # type: ignore[operator]
    path.write_text("\n".join(lines))
    assert places_of(path) == [(2, 3, None)]
    assert "cells, but the header has 8" in problems_of(path)[0].message


def test_a_file_cut_off_within_quotes(path: Path) -> None:
    rows = synthetic_rows(6)
    rows[3]["situation"] = 'I said, "so it ends'
    content = write_rows(path, rows, columns()).read_bytes()
    path.write_bytes(content[: content.index(b"so it ends")])
    assert places_of(path) == [(4, 5, "situation")]
    assert "never closed" in problems_of(path)[0].message


def test_a_quote_that_is_missing(path: Path) -> None:
    lines = simple_lines(4)
    lines[2] = 'id,emotion,"situation,utterance,"human",3,other,2'
    path.write_text("\n".join(lines) + "\n")
    assert places_of(path) == [(2, 3, "situation")]


def test_the_row_before_a_broken_one_is_named_too(path: Path) -> None:
    lines = simple_lines(3)
    lines[1] = lines[1].replace(",utterance,", ",,")
    path.write_text("\n".join([*lines, '"']))
    assert places_of(path) == [(1, 2, "speaker_uttr"), (4, 5, "dialog_id")]


@pytest.mark.parametrize(
    "more",
    [
        [f"feature {n}" for n in range(60_000)],
        [f"response_source{n}" for n in range(60_000)],
        [f"response_source{n}" for n in range(30_000)] + [f"ratng_source{n}" for n in range(30_000)],
    ],
    ids=["without use", "half", "misspelt"],
)
def test_a_header_of_tens_of_thousands_of_columns(path: Path, more: list[str]) -> None:
    """Each would be compared with each: it took minutes to hours."""
    header, *rows = simple_lines(8)
    rows = [row.replace("situation", f"situation{n}") + ",x" * len(more) for n, row in enumerate(rows)]
    path.write_text("\n".join([f"{header},{','.join(more)}", *rows]))
    if more[0].startswith("feature"):
        assert len(read_table(path).ignored) == len(more)
    else:
        assert len(problems_of(path)) == MAX_KEPT


def test_a_broken_header(path: Path) -> None:
    path.write_text('"dialog_id\n')
    assert places_of(path) == [(None, 1, None)]


def test_a_nul_byte(path: Path) -> None:
    path.write_bytes("\n".join(simple_lines(3)).encode().replace(b"emotion2", b"emo\0tion2"))
    assert places_of(path) == [(2, 3, "emotion")]


def test_a_header_alone(path: Path) -> None:
    write_rows(path, [], columns())
    assert "but no rows" in problems_of(path)[0].message


def test_all_problems_are_counted_and_twenty_shown(path: Path) -> None:
    rows = [row | {"situation": "", "emotion": ""} for row in synthetic_rows(30)]
    write_rows(path, rows, columns())
    assert len(problems_of(path)) == 60
    with pytest.raises(TableError, match="60 problems; nothing was imported") as caught:
        read_table(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1].strip() == "… and 40 more"
    assert caught.value.count == 60


def test_a_large_file_of_nothing_but_problems_is_given_up(path: Path) -> None:
    path.write_text(simple_lines(0)[0] + "\n" + "x\n" * (MAX_PROBLEMS + 10))
    with pytest.raises(TableError, match=f"at least {MAX_PROBLEMS} problems") as caught:
        read_table(path)
    assert len(caught.value.problems) == MAX_KEPT


def test_hostile_cells_are_shortened_and_escaped(path: Path) -> None:
    rows = synthetic_rows(6)
    for row in rows[1:3]:
        row["dialog_id"] = "\x1b[31m\u202e[red]" + "9" * 150
    (problem,) = problems_of(write_rows(path, rows, columns()))
    assert "\\x1b[31m\\u202e" in str(problem)
    assert len(str(problem)) < 200


def test_a_cell_that_swallows_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_CELL", 50_000)
    rows = synthetic_rows(600)
    rows[4]["situation"] = "SWALLOWS"
    write_rows(path, rows, columns())
    before, after = path.read_bytes().split(b"SWALLOWS")
    path.write_bytes(before + b'"' + after.replace(b'"', b"'"))
    (problem,) = problems_of(path)
    assert str(problem) == "row 5 (line 6): a cell has more than 50,000 characters: is a quote missing?"
