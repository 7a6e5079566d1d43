"""Where the options of a config.toml stand: the line of each table and key of a valid TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_PATH = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_PATH})\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_PATH})\s*=(.*)")


def line_of(text: str, key: str) -> int | None:
    """The line, from 1, of a key or table such as `sft.learning_rate`, or of the innermost table around it
    that has one."""
    known = _lines(text)
    while key:
        below = (line for other, line in known.items() if other.startswith(f"{key}."))
        line = known.get(key) or next(below, None)
        if line is not None:
            return line
        key = key.rpartition(".")[0]
    return None


def line_with(text: str, key: str, value: str) -> int | None:
    """The line of a string in the value of a key, such as a recipe in `recipes.train`; the key's line if the
    value does not contain it."""
    start = _lines(text).get(key)
    if start is None:
        return line_of(text, key)
    for number, line in enumerate(text.split("\n")[start - 1 :], start):
        if number > start and (_HEADER.fullmatch(line.rstrip("\r")) or _KEY.match(line)):
            break
        if f'"{value}"' in line or f"'{value}'" in line:
            return number
    return start


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[str, int]:
    """Key, with its tables → the line at which it appears first."""
    found: dict[str, int] = {}
    table: tuple[str, ...] = ()
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number].rstrip("\r")
        number += 1
        if header := _HEADER.fullmatch(line):
            table = _path(header[1])
            found.setdefault(".".join(table), number)
        elif key := _KEY.match(line):
            found.setdefault(".".join((*table, *_path(key[1]))), number)
            number += _more_lines(key[2], lines[number:])
    return found


def _more_lines(value: str, following: Sequence[str]) -> int:
    """How many further lines a value takes: a list or a string may have several."""
    if not value.lstrip().startswith(("[", "{", '"' * 3, "'" * 3)):
        return 0
    for count in range(len(following) + 1):
        try:
            tomllib.loads("x = " + "\n".join((value, *following[:count])))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        return count
    return 0


def _path(text: str) -> tuple[str, ...]:
    inner: object = tomllib.loads(f"{text} = 0")
    parts: list[str] = []
    while isinstance(inner, dict):
        ((name, inner),) = inner.items()
        parts.append(name)
    return tuple(parts)
