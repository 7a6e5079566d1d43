"""Claude's Message Batches, as `BatchInfo`, and the ids of their requests.

A batch has no metadata, and its requests are not shown: only the results, once it has ended, have the ids
that their creator chose. Each of these names the submission too: the results prove whose batch it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from core.domain.submissions import BatchStatus
from core.teachers.http import json_values
from core.teachers.protocol import BatchInfo, UnreadableError

#: What stands between a request's key and the submission's token in an id, of which the API allows 64
#: characters: letters, digits, `_` and `-`.
_SEPARATOR = "-"
_STATUSES: dict[str, BatchStatus] = {"in_progress": "in_progress", "canceling": "cancelling"}
#: Characters of an unreadable answer that an error shows.
_SHOWN = 200


class _InputLine(msgspec.Struct):
    """A line of an input file."""

    custom_id: str
    params: msgspec.Raw


class _Batch(msgspec.Struct):
    """The body that creates a batch."""

    requests: list[_InputLine]


def creation(path: Path, token: str) -> bytes:
    """The body that creates the batch of an input file, for the submission `token`."""
    lines = [msgspec.json.decode(line, type=_InputLine) for line in path.read_bytes().splitlines()]
    for line in lines:
        line.custom_id = f"{line.custom_id}{_SEPARATOR}{token}"
    return msgspec.json.encode(_Batch(lines))


def key(custom_id: str) -> str:
    """The key of the request with this id."""
    return custom_id.partition(_SEPARATOR)[0]


def token(custom_id: str) -> str:
    """The token of the submission whose request has this id; empty if it has none."""
    return custom_id.partition(_SEPARATOR)[2]


def batch_info(body: Mapping[str, object]) -> BatchInfo:
    """A batch as the protocol describes it: its file of results has the batch's id.

    Only the id must be as documented; what else cannot be read counts as missing. Raises `UnreadableError` if
    there is none.
    """
    name = body.get("id")
    if not isinstance(name, str) or not name.strip():
        raise UnreadableError(f"the provider's answer has no id of a batch: {json.dumps(body)[:_SHOWN]}")
    succeeded, errored, expired, cancelled, processing = (
        json_values.count(json_values.member(body, "request_counts", count)) or 0
        for count in ("succeeded", "errored", "expired", "canceled", "processing")
    )
    status, problem = _status(body, expired > 0)
    results = name if json_values.text(body.get("results_url")) is not None else None
    return BatchInfo(
        id=name,
        status=status,
        completed=succeeded,
        failed=errored + expired,
        total=succeeded + errored + expired + cancelled + processing or None,
        input_file=None,
        output_file=results,
        error_file=results,
        errors=() if problem is None else (problem,),
        metadata={},
        created_at=json_values.seconds(body.get("created_at")),
        expires_at=json_values.seconds(body.get("expires_at")),
    )


def _status(body: Mapping[str, object], has_expired: bool) -> tuple[BatchStatus, str | None]:
    """The status, and what is wrong with it. One that is unknown is polled until it is known."""
    named = body.get("processing_status")
    if named == "ended":
        is_cancelled = json_values.text(body.get("cancel_initiated_at")) is not None
        return "cancelled" if is_cancelled else "expired" if has_expired else "completed", None
    if isinstance(named, str) and named in _STATUSES:
        return _STATUSES[named], None
    return "in_progress", f"the provider reports a status that is not known: {json_values.text(named)}"
