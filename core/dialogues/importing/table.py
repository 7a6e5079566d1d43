"""Reading a file of dialogues, in any of its formats, and checking each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

from core.config.schema import DataSettings, RatingScale
from core.dialogues import columns, mapping, split
from core.dialogues.importing import near_duplicates
from core.dialogues.importing.conversations import Conversations
from core.dialogues.importing.dialogue_rows import DialogueRows, Layout, first_place
from core.dialogues.importing.near_duplicates import NearDuplicates
from core.dialogues.problems import FileProblem, Problems, SuspiciousError, TableError
from core.dialogues.sources import hub_source, opening
from core.dialogues.sources.hub_source import HubDataset
from core.dialogues.sources.reader_protocol import Format, InvalidSourceError, ReadingProgress, Row, RowSource
from core.domain.data.dialogues import HUMAN, Dialogue
from core.domain.data.findings import Finding


@dataclass(frozen=True)
class Table:
    """A file's dialogues; they are on disk."""

    dialogues: Sequence[Dialogue]
    """In the file's order, with their split."""
    format: Format
    """How the file is written."""
    mapping: Mapping[str, str]
    """Field → its column, "" for a field that the data lacks; without any field if the columns have the known
    names."""
    is_guessed: bool
    """Whether some of the mapping is a guess."""
    split: str
    """The rule of the split, in words."""
    is_rated: bool
    """Whether responses have ratings."""
    sources: tuple[str, ...]
    """The LLM sources that have a response."""
    ignored: tuple[str, ...]
    """The unused columns with a name."""
    sha256: str
    """Of the file."""
    blank_rows: int
    """Rows that were skipped because they are empty."""
    blank_columns: int
    """Columns that were skipped because they are empty."""
    suspicious: tuple[Finding, ...]
    """Texts that a person probably did not write, by kind."""
    left_out: tuple[Finding, ...]
    """Responses without a text or a valid rating, by kind and source; they are not in the dialogues."""
    undecided: int
    """How many dialogues are in the test split only because such responses are left out: with the rating 3
    they would be train dialogues."""
    near_duplicates: NearDuplicates | None
    """Train dialogues that are nearly the same as a test dialogue; None if nobody looked."""
    parts: Mapping[str, Table] = field(default_factory=dict)
    """The data sets of a mixture by name, each as it was read alone; empty for any other file."""

    @property
    def columns(self) -> str:
        """The mapping in words."""
        return mapping.shown(self.mapping)


def read_table(
    path: Path | HubDataset,
    settings: DataSettings | None = None,
    *,
    strict: bool = False,
    progress: ReadingProgress | None = None,
    option: str | None = None,
) -> Table:
    """Read and check a file of dialogues, or a data set on the Hub.

    Raises `UserError`, or `TableError` with the problems in it.

    Texts are kept unchanged, including leading and trailing white space. With `strict`, suspicious texts and
    responses that would be left out raise `SuspiciousError`. The memory that it takes does not depend on the
    size of the file. `option` is where config.toml names the columns, for messages; None for --map.
    """
    settings = settings or DataSettings()
    given = mapping.normalized(settings.columns, "data.columns")
    known_names = partial(_known_names, tuple(given.values()))
    try:
        with (
            hub_source.opened(path)
            if isinstance(path, HubDataset)
            else opening.opened(path, known_names, settings.encoding)
        ) as (opened, sha256):
            return _read(path, opened, sha256, settings, given, strict, progress, option)
    except InvalidSourceError as error:
        problems = Problems()
        problems.add(error.problem)
        raise TableError(path, problems) from None


def _known_names(mapped: Sequence[str], header: list[str]) -> int:
    """How many names of a header an import uses, also by a mapping."""
    wanted = {name.casefold() for name in mapped if name}
    return columns.known_names(header) + sum(columns.clean(name).casefold() in wanted for name in header)


def _read(
    path: Path | HubDataset,
    opened: RowSource,
    sha256: str,
    settings: DataSettings,
    given: Mapping[str, str],
    strict: bool,
    progress: ReadingProgress | None,
    option: str | None,
) -> Table:
    problems = Problems()
    found = opened.rows(None if progress is None else partial(progress, "read"))
    first, found = _with_first(found)
    mapped = mapping.guess(opened.header.cells, first, given)
    layout = _layout(path, opened, settings, mapped, problems, option)
    reading = DialogueRows(layout, settings, problems, opened.header.number)
    reading.read(found)
    if not reading.dialogues and not problems.count:
        problems.add(FileProblem(None, None, "the file has a header, but no rows"))
    sources = tuple(one for one in layout.columns.responses if one in reading.with_response)
    suspicious, left_out = reading.suspicious.listed(), reading.left_out.listed()
    if not problems.count and HUMAN not in sources:
        problems.add(_without(layout, settings.ratings, "of a person", left_out))
    if not problems.count and len(layout.columns.responses) > 1 and len(sources) < 2:
        problems.add(_without(layout, settings.ratings, "of a language model", left_out))
    if problems.count:
        raise TableError(path, problems)
    if strict and (suspicious or left_out):
        raise SuspiciousError(path, (*suspicious, *left_out))
    near = None
    if settings.near_duplicates != "ignore":
        near = near_duplicates.find(
            reading.dialogues, None if progress is None else partial(progress, "compare")
        )
        if near.count and settings.near_duplicates == "leave_out":
            reading.dialogues.remove(near.positions)
            near = replace(near, are_left_out=True)
    return Table(
        dialogues=reading.dialogues,
        format=opened.format,
        mapping=mapped,
        is_guessed=mapped != given,
        split=split.describe(settings.split, layout.split),
        is_rated=layout.columns.rated_sources > 0,
        sources=tuple(one for one in sources if one != HUMAN),
        ignored=_ignored(layout, reading.filled),
        sha256=sha256,
        blank_rows=reading.blank_rows,
        blank_columns=sum(
            not name and number not in reading.filled for number, name in enumerate(layout.names)
        ),
        suspicious=suspicious,
        left_out=left_out,
        undecided=reading.undecided,
        near_duplicates=near,
    )


def _with_first(found: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
    """The cells of the first row, and all rows."""
    try:
        first = list(islice(found, 1))
    except InvalidSourceError as error:
        return [], _raising(error)
    return (list(first[0].cells) if first else []), chain(first, found)


def _raising(error: InvalidSourceError) -> Iterator[Row]:
    raise error
    yield


def _layout(
    path: Path | HubDataset,
    opened: RowSource,
    settings: DataSettings,
    mapped: Mapping[str, str],
    problems: Problems,
    option: str | None,
) -> Layout:
    """What is where. Raises `TableError` if something is missing."""
    header = opened.header
    labels = tuple(columns.clean(name) for name in header.cells)
    if not mapped and not columns.may_be_header(header.cells):
        raise _wrong_header(path, opened, option)
    names = tuple(mapping.renamed(labels, mapped, header.line, problems))
    conversations, wide = None, list(names)
    if mapping.MESSAGES in names or {"conversation", "text"} <= set(names):
        unescape = mapping.is_empathetic_dialogues(mapped)
        conversations = Conversations(names, labels, unescape=unescape)
        wide = conversations.header
    elif problems.count == 0 and (lone := set(mapped) & {"conversation", "text", "turn", "speaker"}):
        message = f"{', '.join(sorted(lone))} alone: rows of turns need both conversation and text"
        problems.add(FileProblem(header.line, None, message))
    # A field whose column is missing is a problem already.
    absent = [field for field in columns.REQUIRED if field in mapped and field not in names]
    if conversations is not None and "situation" not in mapped:
        absent.append("situation")
    found = columns.read_columns(wide, header.line, problems, absent)
    rule = settings.split
    split_column = _column(labels, rule.column)
    by = split.method(rule, rated_sources=found.rated_sources, has_column=split_column is not None)
    group_column = None if rule.group is None else _column(labels, rule.group)
    for wanted, at, key in (
        (rule.column if by == "column" else None, split_column, "column"),
        (rule.group if by == "random" else None, group_column, "group"),
    ):
        if wanted is not None and at is None:
            message = f"the column is missing, which data.split.{key} in config.toml names"
            problems.add(FileProblem(header.line, wanted, message))
    if by == "ratings" and not found.rated_sources and not problems.count:
        message = 'data.split.by is "ratings", but no column has ratings: use "random" or "column"'
        problems.add(FileProblem(header.line, None, message))
    if problems.count:
        hint = "" if mapped == {} else f"Read as: {mapping.shown(mapped)}. "
        lacking = [field for field in mapping.DISPENSABLE if field in found.missing]
        without = f"; {_named(option, lacking[0])} says that the data does not have it" if lacking else ""
        rated = [name for name in names if name.startswith("rating_")]
        if rated and any(one.column and one.column.startswith("rating_") for one in problems.kept):
            without += f"; {_named(option, rated[0])} leaves these ratings out"
        remedy = f". Name others with {_named(option, 'FIELD', 'COLUMN')}{without}"
        raise TableError(path, problems, f"{hint}{columns.found_columns(header.cells)}{remedy}")
    return Layout(
        names, labels, found, conversations, absent, by, split_column, group_column, opened.format.delimiter
    )


def _column(labels: Sequence[str], name: str) -> int | None:
    return next((at for at, label in enumerate(labels) if label.casefold() == name.casefold()), None)


def _ignored(layout: Layout, filled: set[int]) -> tuple[str, ...]:
    used = set(layout.columns.used)
    if layout.conversations is not None:
        used |= layout.conversations.consumed
    if layout.split == "column" and layout.split_column is not None:
        used.add(layout.split_column)
    if layout.split == "random" and layout.group_column is not None:
        used.add(layout.group_column)
    return tuple(
        name or f"(column {number})"
        for number, name in enumerate(layout.labels, 1)
        if number - 1 not in used and (name or number - 1 in filled)
    )


def _without(layout: Layout, scale: RatingScale | None, of: str, left_out: Sequence[Finding]) -> FileProblem:
    """The problem that no response of a person, or of a model, is left; with the first that is left out."""
    rated = remedy = ""
    if layout.columns.rated_sources > 0:
        valid = "1, 2 or 3" if scale is None else f"from {scale.min:g} to {scale.max:g}"
        rated = f" with a valid rating ({valid})"
        if any(one.kind in ("invalid_rating", "outside_scale") for one in left_out):
            remedy = ". For another scale set data.ratings in config.toml"
    return FileProblem(None, None, f"no row has a response {of}{rated}{first_place(left_out)}{remedy}")


def _named(option: str | None, field: str, column: str = "") -> str:
    """How a column is named: by --map, or in that option of config.toml."""
    return f"--map {field}={column}" if option is None else f'{option} = {{ {field} = "{column}" }}'


def _wrong_header(path: Path | HubDataset, opened: RowSource, option: str | None) -> TableError:
    """The error for a header without a known name: with the line of the real one if there is one."""
    problems, header = Problems(), opened.header
    line = opened.better_header(columns.known_names)
    delimiter = opened.format.delimiter
    names = ", ".join((*columns.REQUIRED, f"response_{HUMAN}"))
    if line is not None:
        message = f"this is not the header, which is in line {line}: delete the lines above it"
    elif delimiter is not None:
        message = f"no known column ({names}, …): is this the header, and is {delimiter!r} the delimiter?"
    else:
        message = f"no known column ({names}, …)"
    problems.add(FileProblem(header.line, None, message))
    example = "--map situation=context --map response_human=reply"
    if option is not None:
        example = f'{option} = {{ situation = "context", response_human = "reply" }}'
    remedy = f"Say which column has what, such as {example}"
    return TableError(path, problems, f"{columns.found_columns(header.cells)}. {remedy}")
