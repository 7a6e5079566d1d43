"""Records of JSON, Parquet and the Hub as rows of text cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

#: How deep the fields of a record's records become columns of their own, such as `responses.human.text`.
_DEPTH = 3


def flat(record: Mapping[str, object], prefix: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, object]]:
    """The columns of a record with their values; those of records in it have names with a dot."""
    for name, value in record.items():
        if isinstance(value, dict) and value and depth > 1:
            yield from flat(value, f"{prefix}{name}.", depth - 1)
        else:
            yield f"{prefix}{name}", value


def cells(record: Mapping[str, object], names: Iterable[str]) -> list[str]:
    """The cells of a record in the columns `names`."""
    found = dict(flat(record))
    return [cell(found.get(name)) for name in names]


def cell(value: object) -> str:
    """A value as the text of a cell: empty for none, JSON for lists and records."""
    match value:
        case None | bytes():
            # Bytes are images and sounds.
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case dict() | list() | tuple():
            return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)
