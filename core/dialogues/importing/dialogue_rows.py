"""Turns the rows of a source into dialogues, and reports each problem with its row and column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from core.config.schema import DataSettings
from core.dialogues import columns, split, suspicious_text
from core.dialogues.columns import Columns
from core.dialogues.importing import ratings
from core.dialogues.importing.conversations import Conversations
from core.dialogues.importing.spool import DialogueSpool
from core.dialogues.problems import MAX_PROBLEMS, FileProblem, Problems, place_of, short
from core.dialogues.sources.reader_protocol import InvalidSourceError, Row
from core.dialogues.split import SplitMethod, split_of
from core.dialogues.suspicious_text import is_blank
from core.domain.data.dialogues import GOOD, Dialogue, RatedResponse
from core.domain.data.findings import Finding, LeftOutKind, SuspiciousKind

#: Maximum characters of a dialogue's id.
MAX_ID = 200
_NOT_QUOTED = "is a text with a line break or a delimiter in it not quoted?"


class Findings:
    """Counts what is found, by kind, and for responses that are left out by source."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Finding, int]] = {}

    def add(self, kind: SuspiciousKind | LeftOutKind, row: Row, column: str, text: str, of: str = "") -> None:
        first, count = self._found.get((kind, of), (None, 0))
        if first is None:
            first = Finding(kind, 1, row.number, row.line, column, text)
        self._found[kind, of] = first, count + 1

    def listed(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(first.kind, count, first.row, first.line, first.column, first.text)
            for first, count in self._found.values()
        )


@dataclass(frozen=True)
class Layout:
    """What is where in a source's rows."""

    names: tuple[str, ...]
    """The names of its columns after mapping."""
    labels: tuple[str, ...]
    """Their names in the file."""
    columns: Columns
    """The columns of the dialogues' rows."""
    conversations: Conversations | None
    """What makes the dialogues' rows from the source's rows; None unless these are conversations."""
    absent: Collection[str]
    """Required fields that the data does not have."""
    split: SplitMethod
    """How the split is made."""
    split_column: int | None
    """The index of the column that names the split; None without one."""
    group_column: int | None
    """The index of the column by which the random split keeps dialogues together; None without one."""
    delimiter: str | None
    """What separates the cells; None if it is no such text file."""

    def label(self, column: str) -> str:
        """What a field's column is called in the file."""
        at = self.columns.fields.get(column)
        if at is None:
            found = [label for name, label in zip(self.names, self.labels, strict=True) if name == column]
            return found[0] if found else column
        if at < len(self.labels):
            # A known name is shown as it is known, whatever its case.
            label = self.labels[at]
            return column if label.casefold() == column else label
        assert self.conversations is not None
        return self.conversations.label(column)

    def label_at(self, index: int) -> str:
        """What the column of a response or a rating is called in the file."""
        if index < len(self.labels):
            return self.labels[index]
        assert self.conversations is not None
        return self.conversations.label(self.columns.names[index])


class DialogueRows:
    """The rows below the header, turned into dialogues. `filled` are the nameless columns with a text."""

    def __init__(self, layout: Layout, settings: DataSettings, problems: Problems, blank_rows: int) -> None:
        self.dialogues = DialogueSpool()
        self.with_response: set[str] = set()
        self.filled: set[int] = set()
        self.suspicious, self.left_out = Findings(), Findings()
        self.blank_rows, self.undecided = blank_rows, 0
        self._layout, self._settings, self._problems = layout, settings, problems
        self._columns = layout.columns
        self._nameless = [number for number, name in enumerate(layout.names) if not name]
        self._first: tuple[Row, int] | None = None

    def read(self, found: Iterator[Row]) -> None:
        """Read all rows, or as many as there may be problems."""
        rows = self._whole(found)
        if self._layout.conversations is not None:
            rows = self._layout.conversations.rows(rows, self._problems)
        for row in rows:
            count = self._problems.count
            self._check(row)
            if self._problems.count == count:
                self._add(row)
        if self._layout.split == "random" and not self._problems.count and len(self.dialogues):
            self._draw()

    def _whole(self, found: Iterator[Row]) -> Iterator[Row]:
        """The rows that are not blank and have a cell for each column."""
        while self._problems.count < MAX_PROBLEMS:
            try:
                row = next(found)
            except StopIteration:
                break
            except InvalidSourceError as error:
                self._problems.add(error.problem)
                break
            if all(map(is_blank, row.cells)):
                self.blank_rows += 1
            elif self._has_all_cells(row):
                yield row

    def _has_all_cells(self, row: Row) -> bool:
        cells, names = row.cells, self._layout.names
        width, given = len(names), len(cells)
        while len(cells) > width and is_blank(cells[-1]):
            cells.pop()
        if len(cells) == width and names[-1] and not self._is_as_wide_as_the_first(row, given - width):
            return False
        if len(cells) < width and all(i in self._nameless for i in range(len(cells), width)):
            cells += [""] * (width - len(cells))
        if len(cells) != width:
            message = f"{len(cells)} cells, but the header has {width}: {_NOT_QUOTED}"
            self._problems.add(FileProblem(row.line, None, message, row.number))
            return False
        self.filled.update(i for i in self._nameless if not is_blank(cells[i]))
        if all(columns.clean(cell) == label for cell, label in zip(cells, self._layout.labels, strict=True)):
            message = "the header is repeated here: delete this row"
            self._problems.add(FileProblem(row.line, None, message, row.number))
            return False
        return True

    def _is_as_wide_as_the_first(self, row: Row, over: int) -> bool:
        """Whether a row has as many blank cells beyond the header, `over`, as the first row has.

        If it has not, a delimiter in a text that is not quoted has probably shifted the cells of one of
        them, and a blank one out of the table.
        """
        if self._first is None:
            self._first = row, over
        first, over_first = self._first
        if over == over_first:
            return True
        at, more = (row, over) if over > over_first else (first, over_first)
        width = len(self._layout.names)
        message = f"{width + more} cells, but the header and other rows have {width + min(over, over_first)}"
        self._problems.add(FileProblem(at.line, None, f"{message}: {_NOT_QUOTED}", at.number))
        if over < over_first:
            self._first = row, over
        return over < over_first

    def _check(self, row: Row) -> None:
        def add(column: str, message: str) -> None:
            self._problems.add(FileProblem(row.line, self._layout.label(column), message, row.number))

        cells, fields = row.cells, self._columns.fields
        for column in columns.REQUIRED:
            if column not in self._layout.absent and not cells[fields[column]].strip():
                add(column, "empty")
        for column, at in fields.items():
            if "\0" in cells[at]:
                add(column, "the character NUL in a text: delete it")
        dialog_id, here = self._id(row), (row.number, row.line)
        if len(dialog_id) > MAX_ID:
            add("dialog_id", f"{len(dialog_id)} characters; the limit is {MAX_ID}. Is it the right column?")
        if dialog_id.strip() and (first := self.dialogues.first_use(dialog_id, *here)) != here:
            add("dialog_id", f"{short(dialog_id)} is already used in {place_of(*first)}")
        at_split = self._layout.split_column
        if self._layout.split == "column" and at_split is not None and is_blank(cells[at_split]):
            message = "empty: it names the split of each dialogue (data.split in config.toml)"
            self._problems.add(FileProblem(row.line, self._layout.label_at(at_split), message, row.number))

    def _id(self, row: Row) -> str:
        at = self._columns.fields.get("dialog_id")
        return str(row.number) if at is None else row.cells[at]

    def _add(self, row: Row) -> None:
        fields = {column: row.cells[at] for column, at in self._columns.fields.items()}
        responses, left_out = self._responses(row)
        self.with_response.update(responses)
        for column, text in fields.items():
            if text:
                self._look(row, self._layout.label(column), text)
        if "dialog_id" in fields:
            self._look_at_id(row, fields["dialog_id"])
        if self._problems.count:
            return
        found = Dialogue(
            dialog_id=self._id(row),
            emotion=fields.get("emotion", "").strip(),
            sentiment=fields.get("sentiment", "").strip(),
            plutchik=fields.get("plutchik", "").strip(),
            situation=fields.get("situation", ""),
            utterance=fields["speaker_uttr"],
            split="train",
            responses=responses,
        )
        self._split(row, found, left_out)

    def _responses(self, row: Row) -> tuple[dict[str, RatedResponse], int]:
        """The responses of a row by source, and how many are left out."""
        responses, left_out = {}, 0
        for source, (at, rating_at) in self._columns.responses.items():
            text = row.cells[at]
            given = "" if rating_at is None else row.cells[rating_at]
            rating = ratings.read(given, self._settings.ratings)
            if text.strip() and (rating is not None or rating_at is None):
                responses[source] = RatedResponse(text, rating)
                self._look(row, self._layout.label_at(at), text)
                continue
            left_out += 1
            if not text.strip() or rating_at is None:
                self.left_out.add("empty_response", row, self._layout.label_at(at), text, source)
            elif is_blank(given):
                self.left_out.add("missing_rating", row, self._layout.label_at(rating_at), given, source)
            else:
                kind: LeftOutKind = "invalid_rating" if self._settings.ratings is None else "outside_scale"
                excerpt = suspicious_text.excerpt(given)
                self.left_out.add(kind, row, self._layout.label_at(rating_at), excerpt, source)
        return responses, left_out

    def _split(self, row: Row, dialogue: Dialogue, left_out: int) -> None:
        """Add a dialogue with its split, which a draw may change."""
        rule = self._settings.split
        match self._layout.split:
            case "ratings":
                given = [response.rating for response in dialogue.responses.values()]
                chosen = split_of(given)
                if chosen == "test" and split_of([*given, *[GOOD] * left_out]) == "train":
                    self.undecided += 1
            case "column":
                assert self._layout.split_column is not None
                value = row.cells[self._layout.split_column].strip().casefold()
                chosen = "test" if value in {one.strip().casefold() for one in rule.test} else "train"
            case "random":
                at = self._layout.group_column
                if at is not None:
                    group = row.cells[at]
                elif "situation" in self._layout.absent:
                    group = f"{dialogue.situation}\n{dialogue.utterance}"
                else:
                    group = dialogue.situation
                self.dialogues.add(dialogue, split.place_in_draw(group, rule.seed))
                return
        self.dialogues.add(msgspec.structs.replace(dialogue, split=chosen))

    def _draw(self) -> None:
        if not self.dialogues.draw_test(self._settings.split.test_share):
            message = (
                "all dialogues are in one group, so that none can be drawn for the test split: name another "
                "column in data.split.group in config.toml"
            )
            self._problems.add(FileProblem(None, None, message))

    def _look(self, row: Row, column: str, text: str) -> None:
        for kind, part in suspicious_text.find(text):
            self.suspicious.add(kind, row, column, part)
        delimiter = self._layout.delimiter
        if delimiter and len(text) > len(self._layout.names) and "\n" in text.replace("\r", "\n"):
            # A quote that is closed rows later makes them part of this cell.
            delimiters = len(self._layout.names) - 1
            joined = (line for line in text.splitlines() if line.count(delimiter) >= delimiters)
            if delimiters and (line := next(joined, None)) is not None:
                self.suspicious.add("joined_rows", row, column, suspicious_text.excerpt(line))

    def _look_at_id(self, row: Row, dialog_id: str) -> None:
        key, column = suspicious_text.id_key(dialog_id), self._layout.label("dialog_id")
        if self.dialogues.first_id(key, dialog_id) != dialog_id:
            self.suspicious.add("similar_id", row, column, suspicious_text.excerpt(dialog_id))
        if suspicious_text.is_rounded_id(dialog_id):
            self.suspicious.add("rounded_id", row, column, dialog_id)


def first_place(findings: Sequence[Finding]) -> str:
    """Where the first of some findings is, and its text, as the end of a message; empty without one."""
    return next((f"; {finding.place}: {short(finding.text)}" for finding in findings), "")
