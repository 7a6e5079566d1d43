"""Read config.toml and check it."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from core.config import checks, redaction
from core.config.problems import InvalidOptionError, suggestion
from core.config.schema import Config
from core.domain.errors import UserError
from core.domain.paths import not_a_file

NAME = "config.toml"

#: Characters of the shortest secret that is looked for in config.toml: shorter ones may be words.
_MIN_KEY = 12
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_GOT = re.compile(r"got `(\w+)`")
_IN_TOML = {
    "str": "a string",
    "int": "an integer",
    "float": "a number with a fraction",
    "bool": "a boolean",
    "array": "a list",
    "object": "a table",
}
_NOT_A_CHOICE = re.compile(r"Invalid enum value '(.*)'")
#: The parts of a path as msgspec writes it, in which this stands for any key of a table with free names.
_ANY = "[...]"
_STEP = re.compile(r"\[\.\.\.\]|[^.\[\]]+")
_TOML_PLACE = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


class InvalidConfigError(UserError):
    """A config.toml that cannot be used."""

    def __init__(self, place: str, line: int | None, what: str) -> None:
        super().__init__(f"{place}{'' if line is None else f', line {line}'}: {what}")
        self.line = line
        """The line of the error, from 1; None if it is not known."""


def parse_config(text: str, place: str = NAME) -> Config:
    """The configuration in `text`.

    Raises `InvalidConfigError` when it is invalid: it names the line, the key and the values that the key
    accepts.
    """
    _check_secrets(text, place)
    try:
        table = tomllib.loads(text)
        # Escapes in strings hide a key from the check of the text.
        _check_secrets("\n".join(_strings(table)), place, has_lines=False)
    except tomllib.TOMLDecodeError as error:
        at = _TOML_PLACE.fullmatch(str(error))
        line = len(text.splitlines()) if at is None else int(at[2])
        what = str(error) if at is None else f"{at[1]}, column {at[3]}"
        raise InvalidConfigError(place, line, f"not valid TOML: {what}") from error
    except (RecursionError, ValueError) as error:
        # ValueError: a number of thousands of digits.
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidConfigError(place, None, f"not valid TOML: {what}") from error
    try:
        config = _converted(table)
        checks.check(config)
        for key in _not_finite(table):
            raise InvalidOptionError(key, "must be finite; without a limit, leave the option out")
    except InvalidOptionError as error:
        raise located(error, text, place) from error
    return config


def located(error: InvalidOptionError, text: str, place: str) -> InvalidConfigError:
    """The error of an option, with the line at which it stands in `text`."""
    # Only for errors: the modules for them would make every start slower.
    from core.config import lines

    if error.item is None:
        line = lines.line_of(text, error.key)
    else:
        line = lines.line_with(text, error.key, error.item)
    return InvalidConfigError(place, line, str(error))


def _strings(value: object) -> Iterator[str]:
    """All strings in a TOML value, names of options included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _not_finite(value: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of infinite numbers and NaN: JSON, in which a job gets its settings, has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _not_finite(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from _not_finite(item, path)


def _check_secrets(text: str, place: str, *, has_lines: bool = True) -> None:
    """Raise `UserError` for an API key: config.toml is copied, committed, and in every job's folder.

    `has_lines` if the lines of `text` are those of the file.
    """
    for value, name in redaction.known():
        if len(value) >= _MIN_KEY and value in text:
            raise UserError(
                f"{place} contains the value of {name}: remove it; keys are read from environment variables "
                "only (`api_key_env`)"
            )
    if found := redaction.KEY_SHAPE.search(text):
        line = text.count("\n", 0, found.start()) + 1 if has_lines else None
        raise InvalidConfigError(
            place,
            line,
            "contains what looks like an API key: remove it; keys are read from "
            "environment variables only (`api_key_env`)",
        )


def load_config(path: Path) -> Config:
    """The configuration in `path`. Raises `UserError` when it cannot be read or is invalid."""
    return parse_config(read_config(path), str(path))


def read_config(path: Path) -> str:
    """The text of a config.toml, with its line ends as they are. Raises `UserError` if it cannot be read."""
    if what := not_a_file(path):
        raise UserError(f"{path} {what}: move it away, and create one with `empathy-tui init`")
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: create it with `empathy-tui init`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _converted(table: Mapping[str, object]) -> Config:
    """The configuration of a TOML document. Raises `InvalidOptionError` for what the schema refuses."""
    try:
        return msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        path = _named(
            table, [part for part in _STEP.findall(where.rstrip("`")) if not part.isdecimal()], str(error)
        )
        raise _explained(what, path) from error


def _named(table: Mapping[str, object], path: Sequence[str], message: str) -> tuple[str, ...]:
    """The path of an error, in which msgspec leaves out the names that people choose, with those names."""
    if _ANY not in path:
        return tuple(path)
    at = path.index(_ANY)
    before, after = path[:at], path[at + 1 :]
    entries: object = table
    for part in before:
        assert isinstance(entries, Mapping)
        entries = entries[part]
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        alone: object = {name: entry}
        for part in reversed(before):
            alone = {part: alone}
        try:
            msgspec.convert(alone, Config)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return _named(table, (*before, name, *after), message)
    # Of a list, its place in it is of no use to people.
    return (*before, *(part for part in after if part != _ANY))


def _explained(what: str, path: tuple[str, ...]) -> InvalidOptionError:
    """What msgspec says of the value at `path`, with the key as in the file, and what may be meant."""
    from core.config import keys, reference

    if found := _UNKNOWN.fullmatch(what):
        name = found[1]
        return InvalidOptionError(".".join((*path, name)), keys.unknown(name, path))
    if found := _MISSING.fullmatch(what):
        return InvalidOptionError(".".join(path), f"{found[1]} is missing")
    key = ".".join(path)
    if key == "lora" and "got `bool`" in what:
        return InvalidOptionError(key, "is a table; full fine-tuning is lora = false in [runs]")
    if found := _NOT_A_CHOICE.fullmatch(what):
        try:
            known = [str(one) for one in reference.choices(keys.find(key).type)]
        except InvalidOptionError:
            known = []
        meant = suggestion(found[1], known) or f"; use one of {', '.join(known)}"
        return InvalidOptionError(key, f"{found[1]!r} is none of its values{meant if known else ''}")
    if what.startswith("Expected"):
        got = _GOT.search(what)
        found_type = "" if got is None else f", got {_IN_TOML.get(got[1], got[1])}"
        with suppress(InvalidOptionError):
            place = keys.find(key)
            kind = reference.type_in_words(place.type).replace("`", "")
            return InvalidOptionError(key, f"expected {kind}{found_type}")
    return InvalidOptionError(key, what)
