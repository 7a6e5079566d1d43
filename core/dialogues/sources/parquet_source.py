"""Rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from core.dialogues.problems import FileProblem
from core.dialogues.sources import flat_records
from core.dialogues.sources.reader_protocol import Format, InvalidSourceError, ProgressCallback, Row

if TYPE_CHECKING:
    import pyarrow as pa

MARK = b"PAR1"
#: Rows that are read at once.
_BATCH = 1_000


class ParquetSource:
    """A Parquet file. Fields of a struct are columns of their own; columns of bytes are left out."""

    def __init__(self, file: BinaryIO, written: Format) -> None:
        # Loading it takes long, and few files need it.
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._errors = (pa.ArrowException, OSError, ValueError)
        self.format = replace(written, name="Parquet", encoding=None)
        try:
            self._parquet = pq.ParquetFile(file)
            self.header = Row(0, 0, list(column_names(self._parquet.schema_arrow)))
        except self._errors as error:
            message = f"the Parquet file is damaged or cut off ({error}): get it again"
            raise InvalidSourceError(FileProblem(None, None, message)) from error

    def rows(self, progress: ProgressCallback | None) -> Iterator[Row]:
        """The rows of all row groups; see `RowSource`."""
        number, total = 0, self._parquet.metadata.num_rows
        try:
            for batch in self._parquet.iter_batches(_BATCH):
                for record in batch.to_pylist():
                    number += 1
                    yield Row(number, 0, flat_records.cells(record, self.header.cells))
                if progress is not None:
                    progress(number, total)
        except self._errors as error:
            message = f"the Parquet file is damaged or cut off ({error}): get it again"
            raise InvalidSourceError(FileProblem(0, None, message, number + 1)) from error

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """None: the file's schema names its columns."""
        return None


def column_names(fields: pa.Schema | pa.StructType, prefix: str = "", depth: int = 3) -> Iterator[str]:
    """The columns that `flat_records.flat` makes of a record of this schema."""
    import pyarrow.types as types

    for field in fields:
        if types.is_struct(field.type) and depth > 1:
            yield from column_names(field.type, f"{prefix}{field.name}.", depth - 1)
        elif not (types.is_binary(field.type) or types.is_large_binary(field.type)):
            yield f"{prefix}{field.name}"
