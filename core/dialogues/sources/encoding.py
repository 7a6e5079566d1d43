"""The encoding of a text file, and its content in UTF-8."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from core.dialogues.problems import FileProblem
from core.dialogues.sources.csv_file import CsvFile
from core.dialogues.sources.reader_protocol import InvalidSourceError

UTF8 = "utf-8"
#: Bytes that are converted at once.
_CHUNK = 1 << 20
#: UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes by which UTF-16 without a mark is recognized: in Western text, every second one is NUL.
_BEGIN = 4_096
_NULS = 0.4
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")
#: Lines with bytes above ASCII from which a code page is guessed.
_SAMPLE = 200_000
#: Below this share of letters above ASCII a text is taken for Western European.
_WESTERN = 0.3
_WINDOWS = "cp1252"


def detect(file: BinaryIO) -> str:
    """The encoding of a text. That of a damaged UTF-8 is UTF-8: its reader says where the damage is."""
    begin = CsvFile(file).begin(_BEGIN)
    for mark, encoding in _MARKS:
        if begin.startswith(mark):
            return encoding
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        nuls, others = begin[first::2].count(0), begin[1 - first :: 2].count(0)
        if nuls > _NULS * len(begin) / 2 and not others:
            return encoding
    return _code_page(file) or UTF8


def _code_page(file: BinaryIO) -> str | None:
    """The code page of a text that is not UTF-8 anywhere; None if it is UTF-8, damaged or not."""
    decoder, is_utf8, sample, high, letters = codecs.getincrementaldecoder(UTF8)(), True, b"", 0, 0
    for chunk in CsvFile(file).chunks():
        if b"\0" in chunk:
            return None
        if is_utf8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
        if (found := len(_HIGH.findall(chunk))) == 0:
            continue
        if _UTF8_SEQUENCE.search(chunk):
            return None
        high += found
        letters += len(_LETTERS.findall(chunk))
        if len(sample) < _SAMPLE:
            sample += b"\n".join(line for line in chunk.splitlines() if _HIGH.search(line))[:_SAMPLE]
    if not high:
        return None
    if high < _WESTERN * letters:
        return _WINDOWS
    # Loading it takes long, and few files need it.
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return None if best is None else best.encoding


@contextmanager
def in_utf8(file: BinaryIO, encoding: str) -> Iterator[BinaryIO]:
    """A file in that encoding as a temporary one in UTF-8; `file` itself if it is in UTF-8.

    Raises `InvalidSourceError` for bytes that are not valid in the encoding.
    """
    if codecs.lookup(encoding).name == UTF8:
        yield file
        return
    with tempfile.TemporaryFile() as converted:
        _convert(file, encoding, converted)
        yield converted


def _convert(file: BinaryIO, encoding: str, converted: IO[bytes]) -> None:
    decoder, at = codecs.getincrementaldecoder(encoding)(), 0
    file.seek(0)
    while True:
        chunk = file.read(_CHUNK)
        before = decoder.getstate()[0]
        try:
            converted.write(decoder.decode(chunk, final=not chunk).encode())
        except UnicodeDecodeError as error:
            byte = at - len(before) + error.start
            remedy = "save the file as UTF-8, or name its encoding (--encoding, or encoding in config.toml)"
            message = f"byte {byte} is not valid {error.encoding.upper()}; {remedy}"
            raise InvalidSourceError(FileProblem(None, None, message)) from error
        except UnicodeError as error:
            # UTF-16 and UTF-32 without a mark at their beginning.
            remedy = "save it as UTF-8, or name another encoding (--encoding, or encoding in config.toml)"
            message = f"{error}; {remedy}"
            raise InvalidSourceError(FileProblem(None, None, message)) from error
        at += len(chunk)
        if not chunk:
            converted.flush()
            converted.seek(0)
            return
