"""OpenAI's File and Batch objects, as far as they are used."""

from __future__ import annotations

import msgspec

from core.teachers.http import error_text
from core.teachers.protocol import BatchInfo, BatchStatus


class File(msgspec.Struct):
    """An uploaded file."""

    id: str
    filename: str | None = None


class _RequestCounts(msgspec.Struct):
    completed: int
    failed: int
    total: int


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    line: int | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class OpenAIBatch(msgspec.Struct):
    """A batch."""

    id: str
    status: BatchStatus
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Errors | None = None
    request_counts: _RequestCounts | None = None
    metadata: dict[str, str] | None = None
    created_at: float | None = None
    expires_at: float | None = None


class BatchPage(msgspec.Struct):
    """One page of the list of batches, newest first."""

    data: list[OpenAIBatch]
    has_more: bool = False


def batch_info(batch: OpenAIBatch, key: str) -> BatchInfo:
    """The batch as the protocol describes it; error messages never contain `key`."""
    counts = batch.request_counts
    if batch.status == "validating" and counts is not None and counts.total == 0:
        # The requests have not been counted yet.
        counts = None
    errors = [] if batch.errors is None else batch.errors.data or []
    return BatchInfo(
        id=batch.id,
        status=batch.status,
        completed=None if counts is None else counts.completed,
        failed=None if counts is None else counts.failed,
        total=None if counts is None else counts.total,
        input_file=batch.input_file_id,
        output_file=batch.output_file_id,
        error_file=batch.error_file_id,
        errors=tuple(error_text.redacted(_message(error), key) for error in errors),
        metadata=batch.metadata or {},
        created_at=batch.created_at,
        expires_at=batch.expires_at,
    )


def _message(error: _Error) -> str:
    line = "" if error.line is None else f"line {error.line}: "
    return f"{line}{error.code or 'error'}: {error.message or ''}"
