"""What an import finds in a CSV, counts and shows instead of refusing the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialogues import suspicious_text
from core.dialogues.importing.table import read_table
from core.dialogues.problems import SuspiciousError, TableError
from core.domain.data.findings import Finding
from tests.dialogues.csv_files import HEADER, SOURCES, cells, kinds, same_dialogues, write
from tests.support.records.synthetic_dialogues import synthetic_dialogues


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


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


@pytest.mark.parametrize("rating", ["3", " 3.0 ", "3,0", "3.00", "3\u200b"])
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
        (r"\N", "placeholder"),
        ("[object Object]", "placeholder"),
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
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("situation", "column situation"),
        ("speaker_uttr", "utterance (column speaker_uttr)"),
        ("response_llama_empathy", "column response_llama_empathy"),
    ],
)
def test_suspicious_texts_are_imported_counted_and_shown(
    path: Path, text: str, kind: str, column: str, words: str
) -> None:
    write(path, cells(**{column: text}))
    read = read_table(path)
    dialogue = read.dialogues[1]
    assert text in (dialogue.situation, dialogue.utterance, dialogue.responses["llama"].text)
    (finding,) = read.suspicious
    assert (finding.kind, finding.count, finding.row, finding.line) == (kind, 1, 2, 3)
    assert finding.column == column
    assert len(finding.text) <= 62
    with pytest.raises(SuspiciousError) as caught:
        read_table(path, strict=True)
    assert f"row 2 (line 3), {words}: " in str(caught.value)
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


def test_rows_that_a_wrong_quote_has_joined(path: Path) -> None:
    joined = "I see.\n" + ",".join(cells()[2])
    (finding,) = read_table(write(path, cells(response_human=joined))).suspicious
    assert (finding.kind, finding.row, finding.column) == ("joined_rows", 2, "response_human")


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
