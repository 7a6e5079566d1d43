"""Files in any format, compressed or not: the same rows are the same dialogues."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import DataSettings, SplitRule
from core.dialogues.importing.table import Table, read_table
from core.dialogues.problems import TableError
from tests.dialogues.csv_files import SOURCES
from tests.support.records.synthetic_dialogues import (
    columns,
    filled_texts,
    synthetic_dialogues,
    synthetic_rows,
)

_Rows = Sequence[dict[str, str]]


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/data", content)
        archive.writestr("__MACOSX/data", "of the Finder")
    return packed.getvalue()


def _zstd(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return bytes(packed.getvalue())


_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "ZIP": _zip,
}


def _csv(rows: _Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _json_lines(rows: _Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _json(rows: _Rows) -> bytes:
    return b"\xef\xbb\xbf" + json.dumps(rows, indent=1, ensure_ascii=False).encode()


def _parquet(rows: _Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), out)
    return out.getvalue()


_FORMATS: dict[str, Callable[[_Rows], bytes]] = {
    "CSV": _csv,
    "JSON Lines": _json_lines,
    "JSON": _json,
    "Parquet": _parquet,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("name", _FORMATS)
def test_a_format(path: Path, name: str) -> None:
    path.write_bytes(_FORMATS[name](synthetic_rows(8, sources=SOURCES)))
    read = read_table(path)
    assert list(read.dialogues) == synthetic_dialogues(8, sources=SOURCES)
    assert (read.format.name, read.format.compression, read.is_guessed) == (name, None, False)
    assert read.sources == SOURCES
    assert {"part_no", "annotator_human"} <= set(read.ignored)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("shape", ["a list", "by id", "by split"])
def test_an_object_of_all_records(path: Path, shape: str, indent: int | None) -> None:
    rows: Sequence[dict[str, Any]] = synthetic_rows(8, sources=SOURCES)
    match shape:
        case "a list":
            content: object = {"version": 1, "licence": {"name": "none"}, "data": rows}
        case "by id":
            content = {row["dialog_id"]: {k: v for k, v in row.items() if k != "dialog_id"} for row in rows}
        case _:
            content = {"train": rows[:5], "test": rows[5:]}
    path.write_text(json.dumps(content, indent=indent))
    columns = {"dialog_id": "id"} if shape == "by id" else {}
    read = read_table(
        path, DataSettings(columns=columns, split=SplitRule(by="column" if shape == "by split" else "auto"))
    )
    assert read.format.name == "JSON"
    expected = synthetic_dialogues(8, sources=SOURCES)
    if shape == "by split":
        assert [one.split for one in read.dialogues] == ["train"] * 5 + ["test"] * 3
    else:
        assert list(read.dialogues) == expected
    assert [one.dialog_id for one in read.dialogues] == [one.dialog_id for one in expected]


def test_one_record_is_no_list_of_messages(path: Path) -> None:
    said = [{"role": "user", "content": "I lost it."}, {"role": "assistant", "content": "Oh no!"}]
    path.write_text(json.dumps({"id": "a", "messages": said, "split": "test"}))
    (dialogue,) = read_table(path).dialogues
    assert (dialogue.dialog_id, dialogue.utterance) == ("a", "I lost it.")


def test_records_in_many_lines_one_after_the_other(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row, indent=1) for row in synthetic_rows(8)))
    with pytest.raises(TableError, match=re.escape("each needs a line of its own, as jq -c . writes it")):
        read_table(path)


@pytest.mark.parametrize("name", _COMPRESSIONS)
def test_a_compression(path: Path, name: str) -> None:
    path.write_bytes(_COMPRESSIONS[name](_json_lines(synthetic_rows(8, sources=SOURCES))))
    read = read_table(path)
    assert list(read.dialogues) == synthetic_dialogues(8, sources=SOURCES)
    assert (read.format.name, read.format.compression) == ("JSON Lines", name)


@pytest.mark.parametrize("name", _COMPRESSIONS)
def test_a_compressed_file_that_is_cut_off(path: Path, name: str) -> None:
    content = _COMPRESSIONS[name](_csv(synthetic_rows(200, sources=SOURCES)))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match="damaged or cut off"):
        read_table(path)


@pytest.mark.parametrize("content", ["array", "object"])
def test_a_number_that_json_does_not_have(path: Path, content: str) -> None:
    rows = [{"rating_human": float("nan")}]
    path.write_text(json.dumps(rows if content == "array" else {"train": rows}, indent=1))
    with pytest.raises(TableError, match="JSON has no NaN and no Infinity: write null"):
        read_table(path)


@pytest.mark.parametrize("folders", [[], ["empty/"]])
def test_an_archive_without_a_file(path: Path, folders: Sequence[str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for folder in folders:
            archive.writestr(folder, "")
    with pytest.raises(TableError, match="the ZIP archive has no file in it"):
        read_table(path)


def test_an_archive_of_two_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(TableError, match="ZIP archive of 2 files: unpack it"):
        read_table(path)


@given(
    texts=st.lists(st.tuples(filled_texts(), filled_texts(), st.sampled_from("123")), min_size=1, max_size=5),
    name=st.sampled_from(list(_FORMATS)),
)
def test_texts_come_in_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]], name: str
) -> None:
    rows = [
        {
            "dialog_id": f"d{number}",
            "emotion": "sad",
            "situation": one,
            "speaker_uttr": two,
            "response_human": one,
            "rating_human": rating,
            "response_a": two,
            "rating_a": "3",
        }
        for number, (one, two, rating) in enumerate(texts)
    ]
    path = tmp_path_factory.mktemp("formats") / "data"
    path.write_bytes(_FORMATS[name](rows))
    found = read_table(path, DataSettings(split=SplitRule(by="ratings"))).dialogues
    assert [(d.situation, d.utterance, d.responses["human"].text) for d in found] == [
        (row["situation"], row["speaker_uttr"], row["response_human"]) for row in rows
    ]


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused_for_the_user(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "data"
    for begin in (b"{", b"[{", b'{"a": "', b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08"):
        path.write_bytes(begin + content)
        with pytest.raises(TableError, match=str(path)):
            read_table(path)


# JSON.


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": ', r"row 2 \(line 3\): not valid JSON: .*cut off"),
        ("[1]", r"row 2 \(line 3\): a list, not a record"),
        ('{"a": "\\ud800"}', r"row 2 \(line 3\): not valid JSON"),
        ("[" * 100_000, r"row 2 \(line 3\): not valid JSON"),
        ('{"a": NaN}', r"row 2 \(line 3\): not valid JSON: .*JSON has no NaN and no Infinity: write null"),
        (
            '{"a": -Infinity}',
            r"row 2 \(line 3\): not valid JSON: .*JSON has no NaN and no Infinity: write null",
        ),
    ],
)
def test_a_line_that_is_no_record(path: Path, line: str, message: str) -> None:
    first = _json_lines(synthetic_rows(1)).decode()
    path.write_text(f"{first}\n{line}\n")
    with pytest.raises(TableError, match=message):
        read_table(path)


def test_records_in_records(path: Path) -> None:
    """As this program's own files of dialogues."""
    rows = [
        {
            "dialog_id": f"d{number}",
            "emotion": "sad",
            "situation": f"situation {number}",
            "utterance": "said",
            "responses": {
                "human": {"text": "one", "rating": 3},
                "gpt-4o": {"text": "two", "rating": 1 + number % 3},
            },
        }
        for number in range(4)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    read = read_table(path)
    assert read.is_guessed
    assert read.sources == ("gpt-4o",)
    assert [dialogue.responses["gpt-4o"].rating for dialogue in read.dialogues] == [1, 2, 3, 1]


def test_a_problem_in_json_has_its_line(path: Path) -> None:
    rows = synthetic_rows(3)
    rows[2]["emotion"] = ""
    path.write_bytes(_json_lines(rows))
    with pytest.raises(TableError, match=r"row 3 \(line 3\), column emotion: empty"):
        read_table(path)
    path.write_bytes(_parquet(rows))
    with pytest.raises(TableError, match="row 3, column emotion: empty"):
        read_table(path)


# Encodings.


def _read_in(path: Path, encoding: str, text: str, named: str | None = None) -> Table:
    rows = synthetic_rows(4, sources=SOURCES)
    for row in rows:
        row["situation"] = text
    path.write_bytes(_csv(rows).decode().encode(encoding))
    read = read_table(path, DataSettings(encoding=named))
    assert [dialogue.situation for dialogue in read.dialogues] == [text] * 4
    return read


def test_a_code_page_is_detected(path: Path) -> None:
    assert _read_in(path, "cp1252", "In the café: “Quelle tragédie” – naïve").format.encoding == "cp1252"
    assert _read_in(path, "utf-16-be", "café").format.encoding == "utf-16-be"


def test_an_encoding_that_is_named(path: Path) -> None:
    assert _read_in(path, "shift_jis", "一人で寂しいです。", "shift_jis").format.encoding == "shift_jis"
    with pytest.raises(TableError, match=r"not valid ASCII.*--encoding"):
        read_table(path, DataSettings(encoding="ascii"))
    with pytest.raises(TableError, match=r"UTF-16 .* name another encoding \(--encoding, or"):
        read_table(path, DataSettings(encoding="utf-16"))


def test_columns_of_the_real_data_are_those_of_every_format() -> None:
    assert list(synthetic_rows(1)[0]) == columns()
