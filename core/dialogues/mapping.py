"""Which column of a file has what: named by the user, or guessed from the columns' names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from core.dialogues import columns
from core.dialogues.problems import FileProblem, Problems, plain
from core.domain.data.dialogues import HUMAN
from core.domain.data.findings import FIELD_NAMES
from core.domain.errors import UserError
from core.domain.names import is_plain

#: The column for chat messages, and those for a row of each turn.
MESSAGES = "messages"
TURN_FIELDS = ("conversation", "turn", "speaker", "text")
#: How people name a field, and the column that it is.
_NAMES = {name: column for column, name in FIELD_NAMES.items()}
_FIELDS = (*columns.REQUIRED, *columns.OPTIONAL, MESSAGES, *TURN_FIELDS)
#: What data may do without.
DISPENSABLE = ("dialog_id", "emotion", "situation", "sentiment", "plutchik")
#: The columns of EmpatheticDialogues' own files.
_EMPATHETIC_DIALOGUES = {
    "conversation": "conv_id",
    "turn": "utterance_idx",
    "emotion": "context",
    "situation": "prompt",
    "speaker": "speaker_idx",
    "text": "utterance",
}
#: Names that data sets give a field, the likeliest first.
_GUESSES: dict[str, tuple[str, ...]] = {
    "dialog_id": (
        *("conv_id", "conversation_id", "dialogue_id", "id", "uid", "uuid", "example_id", "sample_id"),
        *("hit_id", "index"),
    ),
    "emotion": ("emotion_type", "emotions", "feeling", "emotion_label", "label"),
    "situation": ("context", "background", "scenario", "problem", "topic", "prompt"),
    "speaker_uttr": (
        *("utterance", "uttr", "speaker_utterance", "question", "query", "user", "seeker_post", "post"),
        *("instruction", "message", "input", "text", "prompt"),
    ),
    "response_human": (
        *("response", "human_response", "response_post", "reply", "answer", "output", "completion"),
        *("listener", "target"),
    ),
    "rating_human": ("rating", "human_rating", "score", "empathy"),
}
_CHATS = ("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns")
_SAID, _RATED = "(?:response|answer|reply)", "(?:rating|score)"
#: Columns of a source's response or rating, such as `gpt4_response`, `responses.gpt4.text`, `answer_gpt4`.
_SOURCE_COLUMNS = (
    ("rating", re.compile(rf"{_SAID}s?\.(?P<source>.+)\.{_RATED}", re.IGNORECASE)),
    ("rating", re.compile(rf"{_RATED}s?[._](?P<source>.+)", re.IGNORECASE)),
    ("rating", re.compile(rf"(?P<source>.+)[._]{_RATED}", re.IGNORECASE)),
    ("response", re.compile(rf"{_SAID}s?[._](?P<source>.+?)(?:\.text)?", re.IGNORECASE)),
    ("response", re.compile(rf"(?P<source>.+)[._]{_SAID}", re.IGNORECASE)),
)
#: Known columns from which on a file has the known layout: then what is missing is an error, not a guess.
_KNOWN = 3


def parse(options: Iterable[str]) -> dict[str, str]:
    """The mapping that options such as `situation=context` name. Raises `UserError`."""
    found = {}
    for option in options:
        field, mark, column = option.partition("=")
        if not mark or not field.strip():
            raise UserError(f"{option!r} is not of the form FIELD=COLUMN, such as situation=context")
        if field.strip() in found:
            raise UserError(f"--map: {field.strip()} is named twice: name one column for it")
        found[field.strip()] = column.strip()
    return normalized(found, "--map")


def normalized(mapping: Mapping[str, str], place: str) -> dict[str, str]:
    """A mapping with the fields' names as columns have them. Raises `UserError` for an unknown field."""
    found = {}
    for name, column in mapping.items():
        field = _NAMES.get(name, name)
        kind, _, source = field.partition("_")
        if field not in _FIELDS and not (kind in ("response", "rating") and is_plain(source)):
            shown = [named(one) for one in _FIELDS]
            close = get_close_matches(name, shown, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise UserError(
                f"{place}: {name!r} is not a field of a dialogue{hint} Use {', '.join(shown)}, "
                "response_SOURCE or rating_SOURCE"
            )
        if not column and field not in DISPENSABLE and kind != "rating":
            raise UserError(f"{place}: {name} is empty: name the column that it is read from")
        found[field] = column
    return found


def named(field: str) -> str:
    """How people name a field."""
    return FIELD_NAMES.get(field, field)


def shown(mapping: Mapping[str, str]) -> str:
    """A mapping in the words of the option --map and of config.toml."""
    return ", ".join(
        f"{named(field)} = {plain(column)}" if column else f"no {named(field)}"
        for field, column in mapping.items()
    )


def guess(names: Sequence[str], first: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The mapping of a file with these columns, whose first row is `first`: what is `given`, and a guess for
    the rest. It is what is given alone if the file has the known columns, or if there is nothing to guess
    from.
    """
    keys = {columns.loose(columns.clean(name)): columns.clean(name) for name in reversed(names) if name}
    native = sum(name in keys for name in columns.REQUIRED)
    sources = any(key.partition("_")[0] in ("response", "rating") and "_" in key for key in keys)
    if native >= _KNOWN and sources and not any(field in given for field in (MESSAGES, "text")):
        return dict(given)
    if set(_EMPATHETIC_DIALOGUES.values()) <= keys.keys() and MESSAGES not in given:
        return {field: keys[name] for field, name in _EMPATHETIC_DIALOGUES.items()} | dict(given)
    free = {key: name for key, name in keys.items() if name not in given.values()}
    found = dict(given)
    is_chat = MESSAGES in given or "text" in given
    if not is_chat and "speaker_uttr" not in given:
        chat = next((name for name in _CHATS if name in free and _is_chat(first, names, free[name])), None)
        if chat is not None:
            found[MESSAGES], is_chat = free.pop(chat), True
    wanted = [f for f in _GUESSES if not (is_chat and f in ("speaker_uttr", "response_human"))]
    # What a person says first: `prompt` is the situation only beside another utterance.
    for field in sorted(wanted, key=lambda field: field != "speaker_uttr"):
        if field in found or field in free:
            name = free.pop(field, field)
            if field not in found and name.casefold() != field:
                found[field] = name
            continue
        names_of_field = [n for n in _GUESSES[field] if n in free]
        if field == "rating_human" and _rated_by_source(free):
            continue
        if names_of_field:
            found[field] = free.pop(names_of_field[0])
    for key, name in list(free.items()):
        for kind, pattern in _SOURCE_COLUMNS:
            match = pattern.fullmatch(name)
            if match is None or key.startswith(f"{kind}_"):
                continue
            source = match["source"].removesuffix("_empathy")
            field = f"{kind}_{HUMAN if source.casefold() == HUMAN else source}"
            if is_plain(source) and field not in found and field not in keys:
                found[field] = name
            break
    if not is_chat and "speaker_uttr" not in found and "speaker_uttr" not in keys:
        return dict(given)
    for field in ("dialog_id", "emotion", "situation"):
        # A conversation has an id and a situation of its own.
        if field not in found and field not in keys and ("text" not in found or field == "emotion"):
            found[field] = ""
    return found


def renamed(names: Sequence[str], mapping: Mapping[str, str], line: int, problems: Problems) -> list[str]:
    """The columns' names after a mapping: each mapped one has the name of its field.

    A column that has such a name already, and is not mapped itself, gets one without a use.
    """
    found, taken = list(names), dict[int, str]()
    for field, column in mapping.items():
        if not column:
            continue
        at = next((i for i, name in enumerate(names) if name == column), None)
        if at is None:
            at = next(
                (i for i, name in enumerate(names) if columns.loose(name) == columns.loose(column)), None
            )
        if at is None:
            close = get_close_matches(column, [name for name in names if name], n=1)
            hint = f"; did you mean {plain(close[0])}?" if close else ""
            message = f"the column, from which {named(field)} is to be read, is missing{hint}"
            problems.add(FileProblem(line, column, message))
        elif at in taken:
            problems.add(
                FileProblem(line, column, f"it is mapped to both {named(taken[at])} and {named(field)}")
            )
        else:
            taken[at] = field
            found[at] = field
    mapped = {field.casefold() for field in mapping}
    for at, name in enumerate(found):
        if at not in taken and name.casefold() in mapped:
            found[at] = f"{columns.UNMAPPED}{name}"
    return found


def has_columns_of_empathetic_dialogues(header: Iterable[str]) -> bool:
    """Whether a header has the columns of EmpatheticDialogues' own files."""
    return set(_EMPATHETIC_DIALOGUES.values()) <= {columns.clean(name) for name in header}


def is_empathetic_dialogues(mapping: Mapping[str, str]) -> bool:
    """Whether the columns are those of EmpatheticDialogues' own files, which write `_comma_` for a comma."""
    return all(mapping.get(field) == _EMPATHETIC_DIALOGUES[field] for field in ("turn", "speaker", "text"))


def _rated_by_source(keys: Iterable[str]) -> bool:
    patterns = [pattern for kind, pattern in _SOURCE_COLUMNS if kind == "rating"]
    return any(pattern.fullmatch(key) for key in keys for pattern in patterns)


def _is_chat(first: Sequence[str], names: Sequence[str], column: str) -> bool:
    """Whether the first row has a list in a column."""
    cells = [cell for name, cell in zip(names, first, strict=False) if columns.clean(name) == column]
    try:
        return bool(cells) and isinstance(msgspec.json.decode(cells[0]), list)
    except (ValueError, RecursionError):
        return False
