"""Strategies of a workspace's own: a file of prompts each, in prompts/strategies/.

+++
methods = ["improve-human", "improve-llm"]
turns = 1
needs = ["situation", "utterance", "response"]
+++
Rewrite the response so that it is of higher {adjective} quality. …

The turns of a conversation follow each other, with a line `+++` between them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from core.config.schema import Definition
from core.domain.errors import UserError, did_you_mean
from core.domain.names import is_plain
from core.domain.paths import not_a_file
from core.prompts import templates
from core.recipes import strategies
from core.recipes.strategies import TeacherMethod

_FENCE = "+++"
Field = Literal["situation", "utterance", "response"]
FIELDS: tuple[Field, ...] = get_args(Field)
#: Names that recipes, sets of responses and prompts have already.
_RESERVED = frozenset({*strategies.STRATEGIES, *templates.FIELDS})


class _FrontMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says of its strategy before the prompts."""

    methods: tuple[TeacherMethod, ...] = strategies.METHODS
    turns: Annotated[int, Meta(ge=1, le=9)] = 1
    needs: tuple[Field, ...] = FIELDS
    description: str = ""


@dataclass(frozen=True)
class OwnStrategy:
    """A strategy of a workspace's own."""

    name: str
    """Its file's name, without `.txt`."""
    methods: tuple[TeacherMethod, ...]
    """The methods that it makes a recipe of."""
    turns: tuple[str, ...]
    """The templates of the user turns, with the definition filled in."""
    description: str
    """What it does, in a few words; empty if the file does not say it."""


class OwnStrategies:
    """The strategies of one workspace, each read when it is used."""

    def __init__(self, prompts: Path | None, definition: Definition) -> None:
        """`prompts` is the workspace's folder of prompts; None for no strategies."""
        self._prompts = prompts
        self._definition = definition
        #: The names of those that have a file, valid or not.
        self.names = () if prompts is None else names(prompts)

    def find(self, name: str) -> OwnStrategy | None:
        """The strategy of that name; None if there is none. Raises `UserError` if its file is invalid."""
        if self._prompts is None or name not in self.names:
            return None
        return load(self._prompts, name, self._definition)


def folder(prompts: Path) -> Path:
    """Where the files are, in a workspace's folder of prompts."""
    return prompts / "strategies"


def file(prompts: Path, name: str) -> Path:
    """The file of a strategy. Raises `UserError` if no strategy can have that name."""
    if not is_plain(name):
        raise UserError(
            f"{name!r} is not a name for a strategy: use letters, digits, '.', '_' and '-', beginning with a "
            "letter or digit"
        )
    if name in _RESERVED:
        what = "a strategy" if name in strategies.STRATEGIES else "a prompt"
        override = (
            f", or override its prompt in {prompts / f'{name}.txt'}" if name in templates.FIELDS else ""
        )
        raise UserError(f"{name!r} is {what} of the program: choose another name{override}")
    return folder(prompts) / f"{name}.txt"


def names(prompts: Path) -> tuple[str, ...]:
    """The names of the strategies that have a file, valid or not."""
    try:
        found = sorted(path.stem for path in folder(prompts).glob("*.txt"))
    except OSError:
        return ()
    return tuple(name for name in found if not name.startswith("."))


def load(prompts: Path, name: str, definition: Definition) -> OwnStrategy:
    """Read the file of a strategy.

    Raises `UserError` that names, a line for each error, the file, the line and the remedy.
    """
    path = file(prompts, name)
    if what := not_a_file(path):
        raise UserError(f"{path} {what}: move it away")
    try:
        if path.resolve().parent != folder(prompts).resolve():
            raise UserError(f"{path} is a link that leads elsewhere: copy the file there")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    text, first = _fenced(path, lines)
    errors: list[str] = []
    front = _front_matter(path, lines, text, errors)
    turns = list(_turns(path, lines, first, errors))
    if front is not None and len(turns) != front.turns and not errors:
        errors.append(
            f"{path}: line 1: turns = {front.turns}, but the file has {len(turns)}: correct the number, or "
            f"separate turns by a line {_FENCE}"
        )
    errors += _wrong_fields(path, front, turns, others=bool(errors))
    if front is None or errors:
        raise UserError("\n".join(errors))
    return OwnStrategy(
        name=name,
        methods=front.methods,
        turns=tuple(templates.define(text, definition) for _, text in turns),
        description=front.description,
    )


def valid(prompts: Path, definition: Definition) -> tuple[OwnStrategy, ...]:
    """The strategies whose files are valid."""
    found = []
    for name in names(prompts):
        try:
            found.append(load(prompts, name, definition))
        except UserError:
            # `empathy-tui prompts check` says what is wrong, and so does a plan that uses it.
            continue
    return tuple(found)


def recipes(own: Iterable[OwnStrategy]) -> tuple[str, ...]:
    """The recipes that strategies make."""
    return tuple(f"{method}/{strategy.name}" for strategy in own for method in strategy.methods)


def new_file(prompts: Path, name: str, methods: Iterable[str]) -> tuple[Path, str]:
    """The path and the text of a new strategy's file, which does what `naive` does.

    Raises `UserError` if the name is invalid or taken.
    """
    path = file(prompts, name)
    if path.exists() or path.is_symlink():
        raise UserError(f"{path} exists already: edit it, or choose another name")
    return path, new_text(methods)


def new_text(methods: Iterable[str] = strategies.METHODS) -> str:
    """The text of a new strategy's file."""
    listed = ", ".join(f'"{method}"' for method in methods)
    needed = ", ".join(f'"{field}"' for field in FIELDS)
    start = (Path(templates.__file__).parent / "naive.txt").read_text(encoding="utf-8").strip()
    front = ('description = ""', f"methods = [{listed}]", "turns = 1", f"needs = [{needed}]")
    return "\n".join((_FENCE, *front, _FENCE, start)) + "\n"


def _fenced(path: Path, lines: list[str]) -> tuple[str, int]:
    """What stands between the first two fences, and the index of the line after it."""
    if not lines or lines[0].strip() != _FENCE:
        raise UserError(
            f"{path}: line 1: the file begins with a line {_FENCE}, then its front matter in TOML"
        )
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
    if end is None:
        raise UserError(f"{path}: line 1: the front matter has no end: a second line {_FENCE}")
    return "\n".join(lines[1:end]), end + 1


def _front_matter(path: Path, lines: list[str], text: str, errors: list[str]) -> _FrontMatter | None:
    """The front matter `text`; None if it cannot be read. What is wrong with it is added to `errors`."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its own line numbers begin after the fence.
        moved = re.sub(r"line (\d+)", lambda found: f"line {int(found[1]) + 1}", str(error))
        moved = moved.replace("at end of document", f"at line {len(text.splitlines()) + 1}")
        errors.append(f"{path}: the front matter is not valid TOML: {moved}")
        return None

    def wrong(key: str, message: str) -> None:
        line = _line_of(lines, rf"\s*{re.escape(key)}\s*=")
        errors.append(f"{path}: line {line}: {message}")

    known = _FrontMatter.__struct_fields__
    before = len(errors)
    for key in read:
        if key not in known:
            wrong(key, f"unknown key {key!r}.{_hint(key, known)}")
    for key, allowed in (("methods", strategies.METHODS), ("needs", FIELDS)):
        values = read.get(key, [])
        for value in values if isinstance(values, list) else ():
            if isinstance(value, str) and value not in allowed:
                wrong(key, f"{key}: unknown {value!r}.{_hint(value, allowed)}")
    if len(errors) > before:
        return None
    try:
        front = msgspec.convert(read, _FrontMatter)
    except msgspec.ValidationError as error:
        key = str(error).rpartition("$.")[2].rstrip("`").partition("[")[0]
        wrong(key, str(error))
        return None
    if not front.methods:
        wrong("methods", f"methods: name one of {', '.join(strategies.METHODS)}")
    return front


def _turns(path: Path, lines: list[str], first: int, errors: list[str]) -> Iterable[tuple[int, str]]:
    """Each turn with the number of its first line. Those that are empty are added to `errors`."""
    begin = first
    for i in range(first, len(lines) + 1):
        if i < len(lines) and lines[i].strip() != _FENCE:
            continue
        text = "\n".join(lines[begin:i])
        if text.strip():
            blank = len(text) - len(text.lstrip())
            yield begin + 1 + text[:blank].count("\n"), text.strip()
        else:
            errors.append(f"{path}: line {begin + 1}: the turn is empty: write its prompt")
        begin = i + 1


def _wrong_fields(
    path: Path, front: _FrontMatter | None, turns: list[tuple[int, str]], *, others: bool
) -> Iterable[str]:
    """The errors of fields: unknown, not declared, or declared and not used.

    The last is left out if there are `others`, of which it may be a consequence.
    """
    used: set[str] = set()
    for begin, text in turns:
        for offset, line in enumerate(text.split("\n")):
            for field in dict.fromkeys(templates.FIELD.findall(line)):
                place = f"{path}: line {begin + offset}"
                if field in templates.DEFINED:
                    continue
                if field not in FIELDS:
                    others = True
                    hint = _hint(field, (*FIELDS, *sorted(templates.DEFINED)))
                    yield f"{place}: unknown field {{{field}}}.{hint}"
                elif front is not None and field not in front.needs:
                    yield f"{place}: the field {{{field}}} is not in needs: add it there"
                used.add(field)
    for field in () if front is None or others else front.needs:
        if field not in used:
            yield (
                f"{path}: line 1: needs has {field!r}, but no turn has {{{field}}}: write it into a turn, or "
                "take it off needs"
            )


def _line_of(lines: list[str], pattern: str) -> int:
    return next((i for i, line in enumerate(lines, 1) if re.match(pattern, line)), 1)


def _hint(word: str, known: Iterable[str]) -> str:
    known = tuple(known)
    return did_you_mean(word, known) or f" Known are: {', '.join(known)}"
