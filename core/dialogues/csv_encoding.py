"""The encoding of a CSV file, and files that are in another format."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

#: How files of other formats begin, and how to get a CSV file from them.
_OTHERS = (
    (
        b"PK\x03\x04",
        "an Excel workbook or a ZIP archive",
        "save the sheet as “CSV UTF-8”, or unpack it",
    ),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as “CSV UTF-8”"),
    (b"\x1f\x8b", "compressed with gzip", "unpack it with gunzip"),
    (b"BZh", "compressed with bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd"),
    (b"PAR1", "a Parquet file", "convert it, for example with pandas: read_parquet(…).to_csv(…)"),
    (b"ARROW1", "an Arrow file", "convert it, for example with pandas: read_feather(…).to_csv(…)"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"%PDF-", "a PDF", "import the data that it was made from"),
    (b"version https://git-lfs", "a pointer of Git LFS", "get the file itself with `git lfs pull`"),
)
#: Bytes that are converted at once.
_CHUNK = 1 << 20
_PAGE = re.compile(rb"<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb'\{\s*["}]|\[\s*[\[{"\]]')
#: UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def other_format(begin: bytes) -> str | None:
    """What a file that begins so is, if it is not CSV, and what to do; None if it may be CSV."""
    begin = begin[:100].removeprefix(codecs.BOM_UTF8).lstrip()
    for mark, name, remedy in _OTHERS:
        if begin.startswith(mark):
            return f"this is {name}, not a CSV file: {remedy}"
    if _PAGE.match(begin):
        return "this is an HTML or XML page, not a CSV file: download the file itself"
    if _JSON.match(begin):
        return "this is JSON, not a CSV file: convert it, for example with pandas: read_json(…).to_csv(…)"
    return None


class UndecodableError(ValueError):
    """The byte at index `byte` is not valid in the encoding that the byte order mark names."""

    def __init__(self, byte: int, encoding: str) -> None:
        super().__init__(f"byte {byte} is not valid {encoding}")
        self.byte, self.encoding = byte, encoding


@contextmanager
def in_utf8(file: BinaryIO) -> Iterator[BinaryIO]:
    """A file whose byte order mark names UTF-16 or UTF-32 as a temporary one in UTF-8; any other unchanged.

    Raises `UndecodableError`.
    """
    begin = file.read(len(codecs.BOM_UTF32_LE))
    file.seek(0)
    encoding = next((encoding for mark, encoding in _MARKS if begin.startswith(mark)), None)
    if encoding is None:
        yield file
        return
    with tempfile.TemporaryFile() as converted:
        _convert(file, encoding, converted)
        yield converted


def _convert(file: BinaryIO, encoding: str, converted: IO[bytes]) -> None:
    decoder, at = codecs.getincrementaldecoder(encoding)(), 0
    while True:
        chunk = file.read(_CHUNK)
        before = decoder.getstate()[0]
        try:
            converted.write(decoder.decode(chunk, final=not chunk).encode())
        except UnicodeDecodeError as error:
            raise UndecodableError(at - len(before) + error.start, error.encoding) from error
        at += len(chunk)
        if not chunk:
            converted.flush()
            return
