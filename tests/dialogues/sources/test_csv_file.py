"""A file is read in parts, whatever its encoding and size, or refused with what is wrong with it."""

from __future__ import annotations

import gc
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import DataSettings, SplitRule
from core.dialogues.importing.table import Table, read_table
from core.dialogues.sources import csv_file
from core.dialogues.sources import encoding as encodings
from core.domain.errors import UserError
from tests.dialogues.csv_files import places_of, problems_of, simple_lines
from tests.support.records.synthetic_dialogues import (
    columns,
    synthetic_csv,
    synthetic_rows,
    texts,
    write_rows,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.csv"


def test_mark_of_utf8_windows_line_ends_and_blank_lines_change_nothing(path: Path) -> None:
    synthetic_csv(path)
    plain = read_table(path)
    assert b"\r\n" in path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n\n") + b"\n\n")
    assert list(read_table(path).dialogues) == list(plain.dialogues)


def test_wrong_encoding_names_byte_row_and_column(path: Path) -> None:
    rows = synthetic_rows(6)
    rows[1]["response_human"] = "first\nsecond, naïve"
    rows[2]["speaker_uttr"] = "in a café, at noon"
    content = write_rows(path, rows, columns()).read_bytes().replace("é, at".encode(), b"\xe9, at")
    path.write_bytes(content)
    (problem,) = problems_of(path)
    assert (problem.row, problem.line, problem.column) == (3, 5, "speaker_uttr")
    assert f"byte {content.index(0xE9)} (0xe9)" in problem.message


def test_wrong_encoding_at_the_first_byte_of_a_row(path: Path) -> None:
    lines = [line.encode() for line in simple_lines(3)]
    lines[2] = b"\xff" + lines[2]
    lines[1] += "é".encode()
    path.write_bytes(b"\n".join(lines))
    assert places_of(path) == [(2, 3, "dialog_id")]


def test_utf16_without_a_mark(path: Path) -> None:
    path.write_text("\n".join(simple_lines(3)), encoding="utf-16-le")
    read = read_table(path, DataSettings(split=SplitRule(by="ratings")))
    assert read.format.encoding == "utf-16-le"
    assert [dialogue.dialog_id for dialogue in read.dialogues] == ["id1", "id2", "id3"]


@pytest.mark.parametrize("content", [b"", b" \n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "empty" in problems_of(path)[0].message


def test_a_large_file_that_is_no_text_is_given_up_early(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200_000_000_000)
    (problem,) = problems_of(path)
    assert "this is not a text file" in str(problem)


def test_memory_does_not_grow_with_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_CHUNK", 10_000)

    def peak(rows: int) -> int:
        write_rows(path, synthetic_rows(rows), columns())
        gc.collect()
        tracemalloc.start()
        try:
            assert len(read_table(path).dialogues) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # The first is with the modules that it loads; of so many, near-duplicates are searched by MinHash.
    peak(700)
    assert peak(1_400) < peak(700) + 100_000


def test_progress_is_in_bytes_then_in_dialogues(path: Path) -> None:
    write_rows(path, synthetic_rows(100), columns())
    seen: list[tuple[str, int, int]] = []
    read_table(path, progress=lambda phase, done, total: seen.append((phase, done, total)))
    read = [(done, total) for phase, done, total in seen if phase == "read"]
    assert read == sorted(read)
    assert read[-1] == (path.stat().st_size, path.stat().st_size)
    # Then, while near-duplicates are searched, in dialogues.
    assert seen[len(read) :] == [("compare", 0, 100)]


def test_a_file_that_changes_while_it_is_read(path: Path) -> None:
    write_rows(path, synthetic_rows(20), columns())

    def append(phase: str, done: int, total: int) -> None:
        with path.open("a") as file:
            file.write("more")

    with pytest.raises(UserError, match="changed while it was read"):
        read_table(path, progress=append)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_is_converted_in_parts(
    path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(encodings, "_CHUNK", 1_001)
    rows = synthetic_rows(20)
    rows[10]["situation"] = "\N{CRYING FACE}" * 50
    plain = read_table(write_rows(path, rows, columns()))
    path.write_bytes(path.read_bytes().decode().encode(encoding))
    assert list(read_table(path).dialogues) == list(plain.dialogues)
    content = path.read_bytes()
    # Half of a surrogate, or a code point that does not exist, after the first part that is converted.
    path.write_bytes(content[:6_000] + b"\x00\xd8\x00\xd8" + content[6_000:])
    (problem,) = problems_of(path)
    assert "byte 6000 is not valid UTF-" in str(problem)


def test_paths_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not a regular file"):
        read_table(tmp_path / "pipe")
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path / ("x" * 300))


def test_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic_csv(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: then the refusal is made

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="permission denied"):
        read_table(path)


@given(st.binary(max_size=300) | texts().map(str.encode))
def test_any_bytes_are_read_or_refused_for_the_user(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "data.csv"
    for start in (b"", simple_lines(0)[0].encode() + b"\n"):
        path.write_bytes(start + content)
        try:
            assert isinstance(read_table(path), Table)
        except UserError as error:
            assert str(path) in str(error)  # noqa: PT017 - either outcome is right
