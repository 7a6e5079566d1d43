"""Changes of a config.toml's text that keep its comments and its order."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect as types

from core.config import keys, redaction, reference
from core.config.keys import OptionPath
from core.config.problems import InvalidOptionError
from core.domain.errors import UserError

if TYPE_CHECKING:
    from tomlkit.container import Container


class CannotEditError(UserError):
    """A text that cannot be changed without a risk for what else stands in it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"config.toml cannot be changed here: {why}; edit it in an editor")


def parse_value(place: OptionPath, text: str) -> object:
    """The value that a person typed for an option: in TOML's spelling, or a string without quotes.

    Items of a list may be separated by commas alone. Raises `InvalidOptionError` for a value of another type.
    """
    text = text.strip()
    candidates: list[object] = []
    with suppress(tomllib.TOMLDecodeError, RecursionError, ValueError):
        candidates.append(tomllib.loads(f"value = {text}")["value"] if "\n" not in text else None)
    candidates.append(text)
    if isinstance(place.type, types.VarTupleType):
        with suppress(tomllib.TOMLDecodeError, RecursionError, ValueError):
            candidates.append(tomllib.loads(f"value = [{text}]")["value"] if "\n" not in text else None)
        candidates.append([part.strip() for part in text.split(",") if part.strip()])
    for candidate in candidates:
        if candidate is not None and _fits(place, candidate):
            return candidate
    words = reference.type_in_words(place.type).replace("`", "")
    raise InvalidOptionError(place.key, f"expected {words}, got {redaction.without_secrets(text)!r}")


def changed(text: str, changes: Mapping[str, object | None]) -> str:
    """The text with each key set to its value, or without the key for None.

    Raises `InvalidOptionError` for a key that does not exist, `CannotEditError` if something else would
    change.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        if document.as_string() != text:
            raise CannotEditError("it would not be written as it was read")
        expected = tomllib.loads(text)
        for key, value in changes.items():
            path = keys.find(key).path
            if value is None:
                _remove(document, path)
                _remove_plain(expected, path)
            else:
                _set(document, path, value)
                _set_plain(expected, path, value)
        made = document.as_string()
        if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
            made = made.replace("\r\n", "\n").replace("\n", "\r\n")
        if _filled(tomllib.loads(made)) != _filled(expected):
            raise CannotEditError("more than what was requested would change")
    except (TOMLKitError, tomllib.TOMLDecodeError, AttributeError, TypeError) as error:
        raise CannotEditError(str(error) or type(error).__name__) from error
    return made


def _fits(place: OptionPath, value: object) -> bool:
    try:
        msgspec.convert(value, place.annotation)
    except msgspec.ValidationError:
        return False
    return True


def _set(document: Any, path: Sequence[str], value: object) -> None:
    import tomlkit

    table = document
    for depth, part in enumerate(path[:-1]):
        if part not in table:
            is_inline = isinstance(table, tomlkit.items.InlineTable)
            is_super = depth < len(path) - 2
            _append(table, part, tomlkit.inline_table() if is_inline else tomlkit.table(is_super))
        table = table[part]
    name = path[-1]
    old = table.get(name)
    if isinstance(old, tomlkit.items.Array) and isinstance(value, list) and _update_list(old, value):
        return
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        # In one line: a table of its own could stand far from the other options.
        value = tomlkit.array(reference.value_in_toml(value))
    if old is None:
        _append(table, name, value)
        return
    new = tomlkit.item(value)
    if isinstance(old, tomlkit.items.Item):
        # A comment after the value stays.
        new.trivia.comment_ws, new.trivia.comment = old.trivia.comment_ws, old.trivia.comment
        new.trivia.trail = old.trivia.trail
    table[name] = new


def _update_list(old: Any, wanted: list[object]) -> bool:
    """Remove and append items of a list, which keeps its lines and comments; whether that was enough."""
    for place in reversed(range(len(old))):
        if old[place] not in wanted:
            del old[place]
    for item in wanted[len(old) :]:
        old.append(item)
    return list(old) == wanted


def _append(table: Any, key: str, value: object) -> None:
    """Add a key after the last one of a table; what stands below that is of the next table's."""
    container: Container | None = getattr(table, "value", None)
    body = getattr(container, "body", None)
    if body is None or isinstance(value, dict):
        table[key] = value
        return
    after = []
    while body and body[-1][0] is None:
        after.append(body.pop())
    table.append(key, value)
    body.extend(reversed(after))


def _remove(document: Any, path: Sequence[str]) -> None:
    table = document
    for part in path[:-1]:
        if part not in table:
            return
        table = table[part]
    if path[-1] in table:
        del table[path[-1]]


def _filled(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table without empty tables in it: the last key of one may take the table along."""
    inner = {key: _filled(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in inner.items() if value != {}}


def _set_plain(table: dict[str, Any], path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        table = table.setdefault(part, {})
    table[path[-1]] = value


def _remove_plain(table: dict[str, Any], path: Sequence[str]) -> None:
    for part in path[:-1]:
        table = table.get(part, {})
    table.pop(path[-1], None)
