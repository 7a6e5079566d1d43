"""OpenAI's File and Batch objects, as far as they are used.

Only ids and the status must be as documented. What else cannot be read counts as missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import get_args

from core.domain.submissions import BatchStatus
from core.teachers.http import error_text, json_values
from core.teachers.protocol import BatchInfo, UnreadableError

#: Names that compatible servers have for OpenAI's states.
_ALIASES: dict[BatchStatus, tuple[str, ...]] = {
    "validating": ("pending", "queued", "created", "submitted", "scheduled"),
    "in_progress": ("running", "processing", "inprogress"),
    "completed": ("succeeded", "success", "complete", "done"),
    "failed": ("error", "failure"),
    "cancelled": ("canceled", "cancellation_completed"),
    "cancelling": ("canceling", "cancellation_requested"),
    "expired": ("timeout", "timed_out", "timeout_exceeded"),
}
_STATUSES: dict[str, BatchStatus] = {status: status for status in get_args(BatchStatus)} | {
    alias: status for status, aliases in _ALIASES.items() for alias in aliases
}
#: The members with the ids of a batch's files.
_FILES = ("input_file_id", "output_file_id", "error_file_id")
#: Characters of an unreadable answer that an error shows.
_SHOWN = 200


def file_id(body: Mapping[str, object]) -> str:
    """The id of an uploaded file. Raises `UnreadableError` if there is none."""
    return _required_id(body, "file")


def page(body: Mapping[str, object]) -> tuple[list[Mapping[str, object]], bool]:
    """The batches on a page of the list of batches, and whether there are more pages."""
    found = [item for item in json_values.items(body.get("data")) if isinstance(item, Mapping)]
    return found, body.get("has_more") in (True, "true", "True", 1)


def new_batch(body: Mapping[str, object], key: str) -> BatchInfo:
    """As `batch_info`, of a batch of which only the id counts yet: ids of files that are none are left out.

    Raises `UnreadableError` if it has no id.
    """
    return batch_info({name: value for name, value in body.items() if not _is_odd_file(name, value)}, key)


def is_of_others(body: Mapping[str, object], token: str, file: str | None, since: float) -> bool:
    """Whether a batch that cannot be read is certainly not the one with `token`, from the input file `file`,
    that was created after `since`."""
    named = json_values.text(json_values.member(body, "metadata", "token"))
    source = json_values.text(body.get("input_file_id"))
    created_at = json_values.seconds(body.get("created_at"))
    if named is not None:
        return named != token
    return (source is not None and source != file) or (created_at is not None and created_at < since)


def _is_odd_file(name: str, value: object) -> bool:
    return name in _FILES and not isinstance(value, str)


def batch_info(body: Mapping[str, object], key: str) -> BatchInfo:
    """A batch as the protocol describes it; error messages never contain `key`.

    Raises `UnreadableError` if it has no id, or ids of files that are none.
    """
    batch = _required_id(body, "batch")
    status, problem = _status(body.get("status"))
    counts = body.get("request_counts")
    completed, failed, total = (
        json_values.count(json_values.member(counts, name)) for name in ("completed", "failed", "total")
    )
    if status == "validating" and not total:
        # The requests have not been counted yet.
        completed = failed = total = None
    try:
        files = [json_values.name(body.get(name)) for name in _FILES]
    except ValueError as error:
        raise UnreadableError(f"batch {batch}: {error}") from None
    errors = (*_errors(body.get("errors")), *filter(None, (problem,)))
    return BatchInfo(
        id=batch,
        status=status,
        completed=completed,
        failed=failed,
        total=total,
        input_file=files[0],
        output_file=files[1],
        error_file=files[2],
        errors=tuple(error_text.redacted(error, key) for error in errors),
        metadata=json_values.texts(body.get("metadata")),
        created_at=json_values.seconds(body.get("created_at")),
        expires_at=json_values.seconds(body.get("expires_at")),
    )


def _required_id(body: Mapping[str, object], kind: str) -> str:
    found = body.get("id")
    if not isinstance(found, str) or not found.strip():
        raise UnreadableError(f"the provider's answer has no id of a {kind}: {json.dumps(body)[:_SHOWN]}")
    return found


def _status(value: object) -> tuple[BatchStatus, str | None]:
    """The status, and what is wrong with it. One that is unknown is polled until it is known."""
    word = value.strip().casefold().replace("-", "_").replace(" ", "_") if isinstance(value, str) else ""
    if word in _STATUSES:
        return _STATUSES[word], None
    if not word:
        return "validating", "the provider reports no status of this batch"
    return "in_progress", f"the provider reports a status that is not known: {json_values.text(value)}"


def _errors(value: object) -> Iterator[str]:
    """The errors of a batch: objects in `data`, in a list, a single one, or a text."""
    data = json_values.member(value, "data")
    listed = data if data is not None else value
    if isinstance(listed, str | int | float):
        listed = [listed]
    for error in json_values.items(listed):
        if not isinstance(error, Mapping):
            words = json_values.text(error)
            if words is not None:
                yield words
            continue
        line, code, message = (json_values.text(error.get(name)) for name in ("line", "code", "message"))
        if code or message:
            yield f"{f'line {line}: ' if line else ''}{code or 'error'}: {message or ''}"
