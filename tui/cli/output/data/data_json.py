"""What `--json` prints about a workspace's data and prompts. A value that is not known (yet) is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.cli.output.json import JsonRecord

if TYPE_CHECKING:
    from core.api import (
        DialogueCounts,
        Finding,
        ImportedData,
        ImportPlan,
        Prompt,
        Stage,
        Statistics,
    )


class CreatedWorkspace(JsonRecord, frozen=True):
    """`init`."""

    workspace: str
    """Its folder."""
    config: str
    """Path of its config.toml."""
    template: str
    """The name of the template that it was made from."""


class ImportedFile(JsonRecord, frozen=True):
    """`import`."""

    file: str
    """The imported file."""
    sha256: str
    """Its SHA-256."""
    changed: bool
    """Whether the import changes the data, and with --dry-run, whether it would."""
    dialogues: DialogueCounts
    """How many dialogues there are."""
    sources: Sequence[str]
    """The sources of its responses."""
    ignored_columns: Sequence[str]
    """Columns that the program does not use."""
    format: str
    """`CSV`, `JSON Lines`, `JSON` or `Parquet`."""
    compression: str | None
    """How the file is compressed; null if it is not."""
    encoding: str | None
    """The encoding of the text; null for a binary format."""
    delimiter: str | None
    """What separates the cells of a CSV; null for other formats."""
    columns: Mapping[str, str]
    """The column of each field, where its name is not a known one; empty for a field that the data lacks."""
    guessed: bool
    """Whether some of `columns` is a guess from the columns' names."""
    split: str
    """How the dialogues are divided into train and test, in words."""
    rated: bool
    """Whether the responses have ratings."""
    near_duplicates: int | None
    """Train dialogues that are nearly the same as a test dialogue; null if nobody looked."""
    unavailable: Sequence[str]
    """The recipes and judges that the data does not allow, each with the reason."""
    blank_rows: int
    """Rows without a text, which were skipped."""
    blank_columns: int
    """Columns without a name and a text, which were skipped."""
    suspicious: Sequence[Finding]
    """Texts that a person probably did not write, by kind, each with the first one; they are imported."""
    left_out: Sequence[Finding]
    """Responses without a text or a valid rating, by kind and source; they are not imported."""
    undecided: int
    """Dialogues in the test split that could be in the train split if no response were left out."""
    changes: Sequence[str]
    """The differences from the data before, in words."""
    stale: Sequence[StaleJob]
    """Finished jobs that the import made stale."""


class StaleJob(JsonRecord, frozen=True):
    """A finished job whose inputs have changed."""

    id: str
    """Its id."""
    stage: Stage
    """The kind of work."""
    name: str
    """What it is about."""


class Data(JsonRecord, frozen=True):
    """`data`."""

    file: str | None
    """The imported file; null if nothing is imported."""
    sha256: str | None
    """Its SHA-256; null if nothing is imported."""
    dialogues: DialogueCounts
    """How many dialogues there are."""
    emotions: dict[str, int]
    """Number of dialogues for each emotion."""
    sentiments: dict[str, int]
    """Number of dialogues for each sentiment."""
    sources: Sequence[SourceRecord]
    """The responses of each source."""
    crosstabs: Sequence[CrosstabRecord]
    """The ratings of each source beside those of the human responses."""
    suspicious: Sequence[Finding] | None
    """Texts that a person probably did not write, by kind; null if an older version imported the data."""
    left_out: Sequence[Finding] | None
    """Responses that the import left out, by kind and source; null if an older version imported the data."""


class SourceRecord(JsonRecord, frozen=True):
    """The responses of one source."""

    source: str
    """The source, such as `human`."""
    ratings: dict[str, int]
    """Number of responses with each rating, 1 to 3."""
    mean_words: float
    """Average length in words."""
    max_words: int
    """Length of the longest response in words."""


class CrosstabRecord(JsonRecord, frozen=True):
    """How one source's ratings go together with those of the human responses."""

    source: str
    """The source whose ratings are the columns."""
    counts: Sequence[Sequence[int]]
    """Rows are the human response's rating, columns the source's."""


class Prompts(JsonRecord, frozen=True):
    """`prompts`, and `prompts check` of the workspace's own ones."""

    prompts: Sequence[Prompt]
    """The templates of the workspace."""
    strays: Sequence[Path]
    """Files in prompts/ that override no prompt."""


class ChatMessage(JsonRecord, frozen=True):
    """A message of `prompts show`, which prints a list of them."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str
    """The text."""


def imported(plan: ImportPlan, dialogues: DialogueCounts) -> ImportedFile:
    """What an import did."""
    near = plan.table.near_duplicates
    return ImportedFile(
        file=str(plan.file),
        sha256=plan.imported.file_sha256,
        changed=not plan.changes_nothing,
        dialogues=dialogues,
        sources=("human", *plan.imported.sources),
        ignored_columns=plan.table.ignored,
        format=plan.table.format.name,
        compression=plan.table.format.compression,
        encoding=plan.table.format.encoding,
        delimiter=plan.table.format.delimiter,
        columns=plan.table.mapping,
        guessed=plan.table.is_guessed,
        split=plan.table.split,
        rated=plan.table.is_rated,
        near_duplicates=None if near is None else near.count,
        unavailable=plan.unavailable,
        blank_rows=plan.table.blank_rows,
        blank_columns=plan.table.blank_columns,
        suspicious=plan.table.suspicious,
        left_out=plan.table.left_out,
        undecided=plan.table.undecided,
        changes=plan.changes,
        stale=[StaleJob(id=job.id, stage=job.stage, name=job.name) for job in plan.stale],
    )


def data(imported: ImportedData | None, dialogues: DialogueCounts, statistics: Statistics | None) -> Data:
    """Statistics of the data; empty before the first import."""
    return Data(
        file=None if imported is None else imported.file,
        sha256=None if imported is None else imported.file_sha256,
        dialogues=dialogues,
        emotions={} if statistics is None else statistics.emotions,
        sentiments={} if statistics is None else statistics.sentiments,
        sources=[
            SourceRecord(
                source=one.source,
                ratings=dict(zip("123", one.ratings, strict=True)),
                mean_words=one.mean_words,
                max_words=one.max_words,
            )
            for one in (() if statistics is None else statistics.sources)
        ],
        crosstabs=[
            CrosstabRecord(source=one.source, counts=one.counts)
            for one in (() if statistics is None else statistics.crosstabs)
        ],
        suspicious=None if imported is None else imported.suspicious,
        left_out=None if imported is None else imported.left_out,
    )
