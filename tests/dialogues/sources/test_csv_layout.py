"""Layouts of a CSV file that an import tolerates: blank cells, names, delimiters, encodings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import DataSettings, SplitRule
from core.dialogues.importing.table import read_table
from core.dialogues.problems import TableError
from tests.dialogues.csv_files import HEADER, SOURCES, cells, same_dialogues, write
from tests.support.records.synthetic_dialogues import filled_texts, synthetic_dialogues


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


# What spreadsheets leave.


def test_blank_rows_are_skipped_and_counted(path: Path) -> None:
    blank = [[""] * len(HEADER), [" ", "\t", "\u200b"], ["\ufeff"]]
    rows = cells()
    read = read_table(write(path, [*rows[:3], *blank, *rows[3:], *blank]))
    assert same_dialogues(read)
    assert (read.blank_rows, read.blank_columns) == (6, 0)


def test_rows_are_numbered_as_a_spreadsheet_shows_them(path: Path) -> None:
    rows = cells()
    rows[5][HEADER.index("rating_human")] = "9"
    (finding,) = read_table(write(path, [[""], *rows])).left_out
    assert (finding.row, finding.line) == (7, 8)


def test_blank_rows_above_the_header(path: Path) -> None:
    path.write_text(",,\n ,\n" + write(path, cells()).read_text())
    read = read_table(path)
    assert same_dialogues(read)
    assert read.blank_rows == 2


def test_blank_columns_are_skipped_and_counted(path: Path) -> None:
    rows = [["", *row, " ", ""] for row in cells()]
    rows[2] += ["", ""]
    rows[3] = rows[3][:-2]
    read = read_table(write(path, rows, ["", *HEADER, "", " "]))
    assert same_dialogues(read)
    assert (read.blank_rows, read.blank_columns) == (0, 3)


@pytest.mark.parametrize("shifted", [0, 3])
def test_a_shift_by_a_delimiter_that_is_not_quoted_is_no_blank_column(path: Path, shifted: int) -> None:
    """The last column is blank everywhere, so that only the row's width shows the shift."""
    rows = [[*row, ""] for row in cells()]
    rows[shifted].insert(1, "the rest of a text")
    place = rf"row {shifted + 1} \(line {shifted + 2}\): {len(HEADER) + 2} cells, but the header"
    with pytest.raises(TableError, match=place) as caught:
        read_table(write(path, rows, [*HEADER, "tags"]))
    assert caught.value.count == 1


def test_a_column_without_a_name_is_no_use_but_shown(path: Path) -> None:
    """As the index that pandas writes."""
    read = read_table(write(path, [[str(number), *row] for number, row in enumerate(cells())], ["", *HEADER]))
    assert same_dialogues(read)
    assert read.blank_columns == 0
    assert "(column 1)" in read.ignored


def test_a_header_that_is_repeated(path: Path) -> None:
    rows = cells()
    with pytest.raises(TableError, match=r"row 4 \(line 5\): the header is repeated"):
        read_table(write(path, [*rows[:3], HEADER, *rows[3:]]))


# Names of columns.


@pytest.mark.parametrize(
    "change", [" {}".format, "{}\u00a0 ".format, "\ufeff{}\u200b".format, '"{}"'.format, ' "{}" '.format]
)
def test_names_with_something_around_them(path: Path, change: Callable[[str], str]) -> None:
    assert same_dialogues(read_table(write(path, cells(), list(map(change, HEADER)))))


@pytest.mark.parametrize("change", [str.upper, str.title])
def test_names_in_another_case(path: Path, change: Callable[[str], str]) -> None:
    assert same_dialogues(read_table(write(path, cells(), [_changed(name, change) for name in HEADER])))


def _changed(name: str, change: Callable[[str], str]) -> str:
    """The name in another case, but for that of a model: its case is its own."""
    kind, _, source = name.partition("_")
    model = source.removesuffix("_empathy")
    if kind not in ("response", "rating") or model not in SOURCES:
        return change(name)
    return f"{change(kind)}_{model}_{change('empathy')}"


def test_two_marks_of_utf8(path: Path) -> None:
    write(path, cells())
    path.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbf" + path.read_bytes())
    assert same_dialogues(read_table(path))


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("dialog_id", "dialogue_id"),
        ("dialog_id", "conv_id"),
        ("emotion", "Emotions"),
        ("situation", "prompt"),
        ("speaker_uttr", "Speaker Utterance"),
        ("response_human", "reponse_human"),
        ("rating_llama_empathy", "ratings_llama_empathy"),
    ],
)
def test_a_near_miss_is_suggested_and_the_columns_are_listed(path: Path, column: str, written: str) -> None:
    header = [written if name == column else name for name in HEADER]
    with pytest.raises(TableError) as caught:
        read_table(write(path, cells(), header))
    assert any(p.column == column and f"did you mean {written}?" in p.message for p in caught.value.problems)
    assert "The columns found are: part_no, annotator_human" in str(caught.value)


def test_a_used_column_is_not_suggested(path: Path) -> None:
    header = [name for name in HEADER if name != "rating_llama_empathy"]
    with pytest.raises(TableError) as caught:
        read_table(write(path, [row[:-1] for row in cells()], header))
    assert "did you mean" not in str(caught.value)


# Delimiters.


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_recognised(path: Path, delimiter: str) -> None:
    read = read_table(write(path, cells(), delimiter=delimiter))
    assert same_dialogues(read)
    assert read.format.delimiter == delimiter


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("sep=;", ";"),
        ("sep=,", ","),
        ('"sep=;"', ";"),
        ("SEP=\t", "\t"),
        ("\ufeffsep=|", "|"),
        ("sep=^", "^"),
    ],
)
def test_a_line_that_names_the_delimiter(path: Path, line: str, delimiter: str) -> None:
    rows = cells()
    rows[4][HEADER.index("rating_human")] = "x"
    write(path, rows, delimiter=delimiter)
    path.write_bytes(line.encode() + b"\r\n" + path.read_bytes())
    read = read_table(path)
    assert [d.dialog_id for d in read.dialogues] == [d.dialog_id for d in synthetic_dialogues(8)]
    assert (read.left_out[0].row, read.left_out[0].line) == (5, 7)


def test_a_space_after_each_comma(path: Path) -> None:
    lines = []
    for row in (HEADER, *cells()):
        buffer = io.StringIO()
        csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(row)
        lines.append(buffer.getvalue().replace('","', '", "'))
    path.write_text("".join(lines))
    assert same_dialogues(read_table(path))


# Other encodings and formats.


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mark_of_another_encoding(path: Path, encoding: str) -> None:
    write(path, cells(), delimiter="\t")
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    assert same_dialogues(read_table(path))


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (b"PK\x03\x04\0\0", "ZIP, and damaged"),
        (b"\x1f\x8b\x08\0", "gzip, and damaged"),
        (b"\xfd7zXZ\0\0", "xz, and damaged"),
        (b"\x28\xb5\x2f\xfd\0", "zstd, and damaged"),
        (b"PAR1\x15\0", "Parquet file is damaged"),
        (b"ARROW1", "read_feather"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_a_file_of_another_format(path: Path, begin: bytes, name: str) -> None:
    path.write_bytes(begin)
    with pytest.raises(TableError, match="1 problem;") as caught:
        read_table(path)
    assert name in str(caught.value)


# Headers that are none.


@pytest.mark.parametrize("title", ["Export of May", "Export of May,,,", "Export;;\n;;"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_lines_above_the_header(path: Path, title: str, delimiter: str) -> None:
    write(path, cells(), delimiter=delimiter)
    path.write_text(f"{title}\n{path.read_text()}")
    with pytest.raises(TableError, match=f"the header, which is in line {title.count(chr(10)) + 2}: delete"):
        read_table(path)


def test_a_file_without_a_header(path: Path) -> None:
    with pytest.raises(TableError, match="1 problem;") as caught:
        read_table(write(path, cells()[1:], cells()[0]))
    assert "no known column" in str(caught.value)


def test_a_column_without_use_may_be_there_twice(path: Path) -> None:
    read = read_table(write(path, [[*row, "x", "y"] for row in cells()], [*HEADER, "note", "note"]))
    assert same_dialogues(read)
    assert read.ignored[-2:] == ("note", "note")


def test_a_line_that_names_another_delimiter_than_the_file_has(path: Path) -> None:
    write(path, cells())
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())
    assert same_dialogues(read_table(path))


# Any combination.


_BLANK = st.sampled_from(["", " ", "\t", "\u200b", "\ufeff ", "\u00a0"])


@given(
    texts=st.lists(st.tuples(filled_texts(), filled_texts(), st.sampled_from("123")), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    sep_line=st.booleans(),
    mark=st.booleans(),
    blank=_BLANK,
    ghosts=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_shape_never_changes_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[str, str, str]],
    delimiter: str,
    sep_line: bool,
    mark: bool,
    blank: str,
    ghosts: int,
    order: object,
) -> None:
    """Ghost rows and columns, the delimiter, and space around names, in any combination."""
    header = ["dialog_id", "emotion", "situation", "speaker_uttr", "response_human", "rating_human"]
    header += ["response_a", "rating_a"]
    rows = [[f"d{n}", "sad", one, two, one, rating, two, "3"] for n, (one, two, rating) in enumerate(texts)]
    out = io.StringIO()
    if sep_line:
        out.write(f"sep={delimiter}\r\n")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow([f"{blank}{name.upper() if name == 'emotion' else name}{blank}" for name in header])
    for row in rows:
        writer.writerow(row + [blank] * ghosts)
        writer.writerows([[blank] * len(row)] * ghosts)
    path = tmp_path_factory.mktemp("shapes") / "data.csv"
    path.write_text(("\ufeff" if mark else "") + out.getvalue(), encoding="utf-8", newline="")
    read = read_table(path, DataSettings(split=SplitRule(by="ratings")))
    assert [(d.situation, d.utterance, d.responses["human"].text) for d in read.dialogues] == [
        (row[2], row[3], row[4]) for row in rows
    ]
    assert read.format.delimiter == delimiter
    assert read.blank_rows == ghosts * len(rows)
    assert read.left_out == ()
