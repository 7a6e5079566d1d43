"""Gemini's batch jobs, as `BatchInfo`."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from google.genai import types

from core.teachers.http import error_text
from core.teachers.protocol import BatchInfo, BatchStatus

_PREFIX = "empathy-tui "
#: Characters of a workspace's name in a batch's display name.
_MAX_NAME = 200
#: States without their prefix, which is JOB_STATE_ or BATCH_STATE_. Any other state is in_progress.
_STATES: dict[str, BatchStatus] = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
#: Seconds after its creation at which an unfinished batch expires.
_EXPIRES_AFTER_S = 48 * 3600.0
#: gRPC's number, HTTP's number and the name of an exhausted quota.
_RESOURCE_EXHAUSTED = ("8", "429", "RESOURCE_EXHAUSTED")

log = logging.getLogger(__name__)


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    status: str | None = None


class _BatchStats(msgspec.Struct, rename="camel"):
    request_count: int | None = None
    successful_request_count: int = 0
    failed_request_count: int = 0


class _Metadata(msgspec.Struct, rename="camel"):
    batch_stats: _BatchStats | None = None


class BatchDetails(msgspec.Struct):
    """Fields of a batch that the client drops: its request counts and its error."""

    metadata: _Metadata | None = None
    error: _Error | None = None


def batch_details(body: bytes) -> BatchDetails:
    """Decode the details in a response about a batch; empty if the body is malformed."""
    try:
        # Not strict: the API writes 64-bit numbers as strings.
        return msgspec.json.decode(body, type=BatchDetails, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("ignored a batch's details that do not match the documented format: %s", error)
        return BatchDetails()


def batch_info(batch: types.BatchJob, details: BatchDetails, key: str) -> BatchInfo:
    """The batch as the protocol describes it; error messages never contain `key`.

    One file contains both replies and errors. The input file has no name, because the API does not let
    it be downloaded.
    """
    state = batch.state.value if batch.state is not None else "UNSPECIFIED"
    stats = details.metadata.batch_stats if details.metadata is not None else None
    results = batch.dest.file_name if batch.dest is not None else None
    created_at = batch.create_time.timestamp() if batch.create_time is not None else None
    errors = () if details.error is None else (error_text.redacted(_message(details.error), key),)
    return BatchInfo(
        id=batch.name or "",
        status=_STATES.get(state.rpartition("_STATE_")[2], "in_progress"),
        completed=stats.successful_request_count if stats is not None else None,
        failed=stats.failed_request_count if stats is not None else None,
        total=stats.request_count if stats is not None else None,
        input_file=None,
        output_file=results,
        error_file=results,
        errors=errors,
        metadata=_metadata(batch.display_name or ""),
        created_at=created_at,
        expires_at=created_at + _EXPIRES_AFTER_S if created_at is not None else None,
    )


def display_name(metadata: Mapping[str, str]) -> str:
    """A display name that encodes workspace, job and token: the API has no metadata for batches."""
    return f"{_PREFIX}{metadata['workspace'][:_MAX_NAME]}/{metadata['job']}/{metadata['token']}"


def is_quota_error(message: str) -> bool:
    """Whether an error in `batch_info` is an exhausted quota."""
    return message.startswith(_RESOURCE_EXHAUSTED[-1])


def _message(error: _Error) -> str:
    code = str(error.code or error.status or "error")
    code = _RESOURCE_EXHAUSTED[-1] if code in _RESOURCE_EXHAUSTED else code
    return f"{code}: {error.message or 'no reason given'}"


def _metadata(name: str) -> dict[str, str]:
    parts = name.removeprefix(_PREFIX).rsplit("/", 2)
    if not name.startswith(_PREFIX) or len(parts) != 3:
        return {}
    return dict(zip(("workspace", "job", "token"), parts, strict=True))
