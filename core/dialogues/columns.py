"""The columns of a file of dialogues: which cell of a row is what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from core.dialogues.problems import FileProblem, Problems, plain
from core.dialogues.suspicious_text import without_unseen_ends
from core.domain.data.dialogues import HUMAN
from core.domain.names import is_plain

#: What the name of a column without a use begins with.
UNMAPPED = "unmapped "
REQUIRED = ("dialog_id", "emotion", "situation", "speaker_uttr")
OPTIONAL = ("sentiment", "plutchik")
_KINDS = ("response", "rating")
#: Recipe names use this word for all sources together.
_RESERVED = "all_together"
#: Names of recipes, runs and files contain the source.
_LONGEST_SOURCE = 64
_SUFFIX = "_empathy"
#: How alike two names are, from 0 to 1, for one to be suggested in place of the other.
_ALIKE = 0.8
#: Names that other data sets, EmpatheticDialogues among them, give a column.
_ALIASES = {
    "dialog_id": ("conv_id", "conversation_id", "id"),
    "emotion": ("context", "label", "feeling"),
    "situation": ("prompt",),
    "speaker_uttr": ("utterance", "uttr", "speaker"),
}
#: Columns from which on no spelling is compared: each missing column would be compared with all others.
_MAX_COMPARED = 1_000
#: Columns that the message about a wrong header lists.
_LISTED = 40


@dataclass(frozen=True)
class Columns:
    """The columns of a file."""

    names: tuple[str, ...]
    """Their names, without white space around them."""
    fields: dict[str, int]
    """Field of a dialogue → index of its column; a field that the data does not have is not in it."""
    responses: dict[str, tuple[int, int | None]]
    """Source → indices of its response and of its rating, which is None in data without ratings."""
    missing: tuple[str, ...] = ()
    """Required fields that were expected."""

    @property
    def rated_sources(self) -> int:
        return sum(rating is not None for _, rating in self.responses.values())

    @property
    def used(self) -> frozenset[int]:
        pairs = (i for pair in self.responses.values() for i in pair if i is not None)
        return frozenset((*self.fields.values(), *pairs))


def known_names(header: Sequence[str]) -> int:
    """How many columns of a header have a name that an import uses."""
    return sum(_is_used(_key(clean(name))) for name in header)


def may_be_header(cells: Sequence[str]) -> bool:
    """Whether a row has a column that an import uses, or one whose name is nearly right."""
    keys = [_key(clean(cell)) for cell in cells]
    return known_names(cells) > 0 or any(_near(column, keys) is not None for column in REQUIRED)


def clean(name: str) -> str:
    """A column's name without white space, byte order marks and quotes around it."""
    name = without_unseen_ends(name)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = without_unseen_ends(name[1:-1])
    return name


def read_columns(
    header: Sequence[str], line: int, problems: Problems, absent: Collection[str] = ()
) -> Columns:
    """The columns of a header in that line of the file. Its problems are added to `problems`.

    White space around names does not matter, nor does the case, except that of a source's name. `absent` are
    required fields that the data does not have.
    """
    names = tuple(clean(name) for name in header)
    index: dict[str, int] = {}
    duplicated: set[str] = set()
    for number, name in enumerate(names):
        if not name:
            continue
        # A column that is not used may be there twice.
        if index.setdefault(_key(name), number) != number and _is_used(_key(name)) and name not in duplicated:
            duplicated.add(name)
            places = f"columns {index[_key(name)] + 1} and {number + 1}"
            problems.add(
                FileProblem(line, name, f"the column is duplicated ({places}): delete or rename one")
            )

    def missing(column: str, why: str = "") -> None:
        near = _near(column, index)
        hint = "" if near is None else f"; did you mean {plain(names[index[near]])}?"
        problems.add(FileProblem(line, column, f"the column is missing{why}{hint}"))

    lacking = tuple(column for column in REQUIRED if column not in index and column not in absent)
    for column in lacking:
        missing(column)
    is_rated = any(_kind(key) == "rating" for key in index) or _near_rating(index)
    responses: dict[str, tuple[int, int | None]] = {}
    suffixes: dict[str, str] = {}
    for key, at in index.items():
        kind = _kind(key)
        if kind is None:
            continue
        name = names[at][len(kind) + 1 :]
        partner = f"{'rating' if kind == 'response' else 'response'}_{name}"
        if is_rated and _key(partner) not in index and _key(partner) != f"response_{HUMAN}":
            missing(partner, f", but {plain(names[at])} exists")
        if kind == "rating":
            continue
        source = name[: -len(_SUFFIX)] if _key(name).endswith(_SUFFIX) else name
        source = HUMAN if _key(source) == HUMAN else source
        if not is_plain(source) or len(source) > _LONGEST_SOURCE or _key(source) == _RESERVED:
            message = (
                f"not a valid source name: use at most {_LONGEST_SOURCE} letters, digits, '.', '_' and '-'"
            )
            problems.add(FileProblem(line, names[at], message))
        elif source in suffixes:
            problems.add(FileProblem(line, names[at], f"{suffixes[source]} names the same source"))
        elif (rating := index.get(_key(partner))) is not None or not is_rated:
            responses[source] = (at, rating)
        suffixes.setdefault(source, names[at])
    if HUMAN not in suffixes:
        missing(f"response_{HUMAN}")
    fields = {column: index[column] for column in (*REQUIRED, *OPTIONAL) if column in index}
    return Columns(names, fields, responses, lacking)


def _near_rating(keys: Collection[str]) -> bool:
    """Whether a column was probably meant as a rating, so that ratings are not absent but misnamed."""
    wanted = [f"rating_{key.partition('_')[2]}" for key in keys if _kind(key) == "response"]
    others = [key for key in keys if _kind(key) is None and not key.startswith(UNMAPPED)]
    return any(_near(column, others) is not None for column in wanted)


def found_columns(header: Sequence[str]) -> str:
    """The columns of a header, in words: what a message about missing ones ends with."""
    names = [plain(name) for name in map(clean, header) if name]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"The columns found are: {', '.join(names[:_LISTED])}{more}"


def loose(key: str) -> str:
    """A name for comparisons of spelling: spaces and dashes are like underscores."""
    return key.casefold().replace(" ", "_").replace("-", "_")


def _kind(key: str) -> str | None:
    """`response` or `rating` if that is what a column with this name, in lower case, has."""
    kind, mark, _ = key.partition("_")
    return kind if mark and kind in _KINDS else None


def _is_used(key: str) -> bool:
    return key in REQUIRED or key in OPTIONAL or _kind(key) is not None


def _near(column: str, keys: Collection[str]) -> str | None:
    """The column, of those that are not used as another one, that was probably meant by `column`."""
    if len(keys) > _MAX_COMPARED:
        return None
    free = {loose(key): key for key in keys if not _is_complete(key, keys)}
    for name in (loose(column), *_ALIASES.get(column, ())):
        if close := get_close_matches(name, free, n=1, cutoff=_ALIKE if name == loose(column) else 1):
            return free[close[0]]
    return None


def _is_complete(key: str, keys: Collection[str]) -> bool:
    """Whether a column has a use: it is a field, or half of a response with its rating."""
    kind, _, name = key.partition("_")
    if _kind(key) is None:
        return key in REQUIRED or key in OPTIONAL
    return f"{'rating' if kind == 'response' else 'response'}_{name}" in keys


def _key(name: str) -> str:
    return name.casefold()
