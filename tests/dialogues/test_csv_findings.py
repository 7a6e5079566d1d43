"""What an import tolerates in a CSV, and what it counts and shows instead of a refusal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialogues import suspicious_text
from core.dialogues.csv_problems import SuspiciousError, TableError
from core.dialogues.csv_table import Table, read_table
from core.domain.findings import Finding
from tests.support.synthetic_dialogues import columns, filled_texts, synthetic_dialogues, synthetic_rows

SOURCES = ("chatgpt", "llama")
HEADER = columns(SOURCES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def write(
    path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER, delimiter: str = ","
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows((header, *rows))
    return path


def cells(**changes: str) -> list[list[str]]:
    """The cells of eight rows; `changes` are those of the second row."""
    rows = synthetic_rows(8, sources=SOURCES)
    rows[1] |= changes
    return [list(row.values()) for row in rows]


def same_dialogues(read: Table) -> bool:
    return list(read.dialogues) == synthetic_dialogues(8, sources=SOURCES)


def kinds(read: Table) -> dict[str, int]:
    return {finding.kind: finding.count for finding in read.suspicious}


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
    assert read.delimiter == delimiter


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


# Responses that are left out.


@pytest.mark.parametrize("rating", ["0", "4", "good", "2.5", "-1", "nan", "１", "3 stars"])
def test_an_invalid_rating_leaves_out_that_response_alone(path: Path, rating: str) -> None:
    read = read_table(write(path, cells(rating_llama_empathy=rating)))
    expected = synthetic_dialogues(8, sources=SOURCES)
    del expected[1].responses["llama"]
    assert [d.responses for d in read.dialogues] == [d.responses for d in expected]
    assert read.left_out == (Finding("invalid_rating", 1, 2, 3, "rating_llama_empathy", rating),)
    assert read.sources == SOURCES


@pytest.mark.parametrize(
    ("changes", "kind", "column"),
    [
        ({"response_human": " "}, "empty_response", "response_human"),
        ({"rating_human": ""}, "missing_rating", "rating_human"),
        ({"response_human": "", "rating_human": ""}, "empty_response", "response_human"),
    ],
)
def test_a_response_without_a_text_or_a_rating(
    path: Path, changes: dict[str, str], kind: str, column: str
) -> None:
    read = read_table(write(path, cells(**changes)))
    assert "human" not in read.dialogues[1].responses
    (finding,) = read.left_out
    assert (finding.kind, finding.count, finding.row, finding.column) == (kind, 1, 2, column)


def test_what_is_left_out_is_counted_by_source(path: Path) -> None:
    rows = cells()
    for number in (1, 4, 6):
        rows[number][HEADER.index("rating_human")] = ""
    rows[2][HEADER.index("rating_llama_empathy")] = ""
    read = read_table(write(path, rows))
    assert [(f.kind, f.column, f.count) for f in read.left_out] == [
        ("missing_rating", "rating_human", 3),
        ("missing_rating", "rating_llama_empathy", 1),
    ]


def test_a_split_that_ratings_could_change_is_counted(path: Path) -> None:
    rows = cells(rating_human="", rating_chatgpt_empathy="", rating_llama_empathy="3")
    read = read_table(write(path, rows))
    assert read.dialogues[1].split == "test"
    assert read.undecided == 1


@pytest.mark.parametrize("of", ["human", "model"])
def test_a_file_in_which_no_rating_is_valid(path: Path, of: str) -> None:
    wanted = ["rating_human"] if of == "human" else [f"rating_{name}_empathy" for name in SOURCES]
    rows = cells()
    for row in rows:
        for column in wanted:
            row[HEADER.index(column)] = "good"
    with pytest.raises(TableError, match=r"no row has a response of a .*'good'"):
        read_table(write(path, rows))


@pytest.mark.parametrize("rating", ["3", " 3.0 ", "3,0", "3.00"])
def test_ways_to_write_a_rating(path: Path, rating: str) -> None:
    assert read_table(write(path, cells(rating_human=rating))).dialogues[1].responses["human"].rating == 3


# Suspicious texts.


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("nan", "placeholder"),
        (" NULL ", "placeholder"),
        ("None", "placeholder"),
        ("N/A", "placeholder"),
        ("#NAME?", "spreadsheet_error"),
        ("#REF!", "spreadsheet_error"),
        ("#DIV/0!", "spreadsheet_error"),
        ("#¿NOMBRE?", "spreadsheet_error"),
        ("########", "spreadsheet_error"),
        ("\u200b\u2060", "invisible"),
        ("Well_comma_ yes", "escaped_character"),
        ("One_x000D_\nTwo", "escaped_character"),
        (r"One\nTwo", "escaped_character"),
        (r"It\u2019s fine", "escaped_character"),
        ("Tom &amp; I", "html"),
        ("One<br/>Two", "html"),
        ("Iâ€™m glad", "mojibake"),
        ("A cafÃ© nearby", "mojibake"),
        ("I‚Äôm glad", "mojibake"),
        ("IΓÇÖm glad", "mojibake"),
        ("So happy ðŸ˜€", "mojibake"),
        ("That\ufffds sad", "replacement_character"),
        ("\x1b[31mred", "control_character"),
        ("abc \u202etxt", "control_character"),
        ("Oh no.<|im_end|>", "control_token"),
        ("[INST] hi [/INST]", "control_token"),
        ("See <video> here", "media_tag"),
        ("x" * 32_767, "cut_off"),
    ],
)
@pytest.mark.parametrize("column", ["situation", "response_llama_empathy"])
def test_suspicious_texts_are_imported_counted_and_shown(
    path: Path, text: str, kind: str, column: str
) -> None:
    write(path, cells(**{column: text}))
    read = read_table(path)
    dialogue = read.dialogues[1]
    assert text in (dialogue.situation, dialogue.responses["llama"].text)
    (finding,) = read.suspicious
    assert (finding.kind, finding.count, finding.row, finding.line) == (kind, 1, 2, 3)
    assert finding.column == column
    assert len(finding.text) <= 62
    with pytest.raises(SuspiciousError) as caught:
        read_table(path, strict=True)
    assert f"row 2 (line 3), column {column}" in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "I’m glad – it’s “fine”…",
        "«J’étais à l’école…»",
        "ÉTÉ, NOËL, ÇA",
        "„So ein Spaß“, sagte er.",
        "Я вошёл в…»",
        "NÃO, IRMÃ",
        "日本語です。",
        "Is 3 < 4 & 5 > 2?",
        "none of them",
        "#blessed!",
        "👩‍👩‍👧 ❤️",
        "an <example> and [note]",
        "I think; so",
        r"C:\new folder",
    ],
)
def test_real_texts_are_not_suspicious(text: str) -> None:
    assert list(suspicious_text.find(text)) == []


@pytest.mark.parametrize("other", ["made:0 ", "MADE:0", "made :0", "made:0\u200b", "\uff4dade:0"])
def test_ids_that_are_nearly_the_same(path: Path, other: str) -> None:
    read = read_table(write(path, cells(dialog_id=other)))
    assert kinds(read) == {"similar_id": 1}
    assert read.dialogues[1].dialog_id == other


def test_an_id_that_a_spreadsheet_has_rounded(path: Path) -> None:
    assert kinds(read_table(write(path, cells(dialog_id="1.23457E+14")))) == {"rounded_id": 1}


def test_the_trace_is_shown_from_within_a_long_text(path: Path) -> None:
    read = read_table(write(path, cells(situation="word " * 500 + "<|im_end|>" + " word" * 500)))
    (finding,) = read.suspicious
    assert "<|im_end|>" in finding.text
    assert finding.text.startswith("…")
    assert finding.text.endswith("…")


def test_a_strict_import_of_a_clean_file(path: Path) -> None:
    assert same_dialogues(read_table(write(path, cells()), strict=True))


def test_the_real_file_is_clean(reference_dataset: Path) -> None:
    read = read_table(reference_dataset, strict=True)
    assert (read.suspicious, read.left_out, read.blank_rows, read.blank_columns) == ((), (), 0, 0)
    assert len(read.ignored) == 16


# Any file.

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
    read = read_table(path)
    assert [(d.situation, d.utterance, d.responses["human"].text) for d in read.dialogues] == [
        (row[2], row[3], row[4]) for row in rows
    ]
    assert read.delimiter == delimiter
    assert read.blank_rows == ghosts * len(rows)
    assert read.left_out == ()


@given(st.text(max_size=200))
def test_any_text_is_searched_and_shown_short(text: str) -> None:
    for _, part in suspicious_text.find(text):
        assert 0 < len(part) <= 62
    assert 0 <= len(suspicious_text.without_unseen_ends(text)) <= len(text)


@given(
    rating=st.text(max_size=6),
    response=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)
def test_a_cell_of_a_response_never_refuses_the_file(
    tmp_path_factory: pytest.TempPathFactory, rating: str, response: str
) -> None:
    rating = "".join(c for c in rating if c not in "\0" and not "\ud800" <= c <= "\udfff")
    path = tmp_path_factory.mktemp("cells") / "data.csv"
    read = read_table(write(path, cells(rating_llama_empathy=rating, response_llama_empathy=response)))
    left_out = sum(finding.count for finding in read.left_out)
    assert len(read.dialogues) == 8
    assert ("llama" in read.dialogues[1].responses) == (left_out == 0)
