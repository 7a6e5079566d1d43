"""Files in formats that are not read, recognized by how they begin."""

from __future__ import annotations

import codecs
import re

#: How files of other formats begin, and how to get a file from them that is read.
_OTHERS = (
    (
        b"PK\x03\x04",
        "an Excel workbook",
        "save the sheet as “CSV UTF-8”",
    ),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as “CSV UTF-8”"),
    (b"ARROW1", "an Arrow file", "convert it, for example with pandas: read_feather(…).to_parquet(…)"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"%PDF-", "a PDF", "import the data that it was made from"),
    (b"version https://git-lfs", "a pointer of Git LFS", "get the file itself with `git lfs pull`"),
)
_PAGE = re.compile(rb"<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)


def explain(begin: bytes) -> str | None:
    """What a file that begins so is, and what to do; None if its format may be read."""
    begin = begin[:100].removeprefix(codecs.BOM_UTF8).lstrip()
    for mark, name, remedy in _OTHERS:
        if begin.startswith(mark):
            return f"this is {name}, not a table of dialogues: {remedy}"
    if _PAGE.match(begin):
        return "this is an HTML or XML page, not a table of dialogues: download the file itself"
    return None
