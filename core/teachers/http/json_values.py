"""Reads values of JSON from providers as they are meant: an odd optional field never costs an answer.

Providers that call themselves compatible send numbers as strings, dates in several forms, `""` or an empty
list for nothing, and NaN. What cannot be read is None, as if it were missing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from core.teachers.answers.characters import without_half_characters
from core.teachers.http import instants

#: A JSON object, with its members by their names.
JsonObject = Mapping[str, object]

#: No answer has as many tokens, and no batch as many requests; sums of millions of them can be stored.
_MAX_COUNT = 10**9
#: Digits of an integer from which on it is read as a float, which may be infinite.
_MAX_DIGITS = 400


def parse(content: bytes | str) -> object:
    """The value of a JSON text, with NaN, Infinity, control characters and lone surrogates in it allowed.

    What follows the value is ignored, such as the comments with which servers keep a connection open, unless
    it may be another value. Raises `ValueError` if it is not JSON.
    """
    text = (decoded(content) if isinstance(content, bytes) else content).strip()
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if set(text[end:]) & set('{["'):
        raise ValueError(f"it has more than one value, from character {end} on")
    found: object = value
    return found


def sequence(text: str) -> Iterator[tuple[str, object]]:
    """The values that follow each other in a text, with or without commas between them, each with its text.

    Raises `ValueError` if something else is between them.
    """
    at = 0
    while (begin := _BETWEEN.match(text, at)) is not None and begin.end() < len(text):
        try:
            value, at = _DECODER.raw_decode(text, begin.end())
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        yield text[begin.end() : at], value


def decoded(content: bytes) -> str:
    """The text of a body: UTF-8, or Windows-1252 where a server sends that instead."""
    text = content.decode("utf-8-sig", "replace")
    if "\ufffd" in text and text.replace("\ufffd", "").isascii():
        return content.decode("cp1252", "replace")
    return text


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)


#: What may be between values, and before or after them.
_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)


def member(value: object, *names: str) -> object:
    """The member of nested objects with these names; None where one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def items(value: object) -> list[object]:
    """The items of a list; one item if `value` is an object with members, and none for anything else."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping) and value else []


def text(value: object) -> str | None:
    """A text or number as text; None for anything else, and for an empty text."""
    if isinstance(value, str):
        return without_half_characters(value) or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def name(value: object) -> str | None:
    """An id, which must be a text that is not empty; None for null and `""`.

    Raises `ValueError` for anything else: an id that is not understood must not be taken for none.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise ValueError(f"{json.dumps(value)[:80]} is not an id")
    return without_half_characters(value)


def number(value: object) -> float | None:
    """A finite number, also in a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """A number of things, rounded; None if it is negative or absurd."""
    found = number(value)
    return None if found is None or not 0 <= found <= _MAX_COUNT else round(found)


def seconds(value: object) -> float | None:
    """A moment as Unix seconds: from Unix time in any unit, or a date."""
    found = number(value)
    if found is not None:
        return instants.of_number(found) if found > 0 else None
    return instants.of_date(value) if isinstance(value, str) else None


def texts(value: object) -> dict[str, str]:
    """The members of an object that are texts or numbers, as texts; empty for anything else."""
    if not isinstance(value, Mapping):
        return {}
    found = {str(key): text(item) for key, item in value.items()}
    return {key: item for key, item in found.items() if item is not None}


def merged(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `extra` merged into it; nested mappings are merged as well."""
    found = dict(base)
    for name, value in extra.items():
        present = found.get(name)
        both = isinstance(present, Mapping) and isinstance(value, Mapping)
        found[name] = merged(present, value) if both else value  # type: ignore[arg-type]
    return found
