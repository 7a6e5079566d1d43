"""Gemini's batch jobs, as `BatchInfo`."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.submissions import BatchStatus
from core.teachers.http import error_text, json_values
from core.teachers.protocol import BatchInfo, UnreadableError

_PREFIX = "empathy-tui "
#: Characters of a workspace's name in a batch's display name.
_MAX_NAME = 200
#: States without their prefix, which is JOB_STATE_ or BATCH_STATE_.
_STATES: dict[str, BatchStatus] = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "RUNNING": "in_progress",
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


def new_batch(body: object, key: str) -> BatchInfo:
    """As `batch_info`, of a batch of which only the name counts yet: it has no file of results.

    Raises `UnreadableError` if it has no name.
    """
    return _batch_info(body, key, has_results=False)


def batch_info(body: object, key: str) -> BatchInfo:
    """The batch as the protocol describes it; error messages never contain `key`.

    One file contains both replies and errors. The input file has no name, because the API does not let
    it be downloaded. Only the ids must be as documented; what else cannot be read counts as missing. Raises
    `UnreadableError` if an id is not.
    """
    return _batch_info(body, key, has_results=True)


def _batch_info(body: object, key: str, *, has_results: bool) -> BatchInfo:
    metadata = json_values.member(body, "metadata")
    try:
        name = json_values.name(json_values.member(body, "name")) or json_values.name(
            json_values.member(metadata, "name")
        )
        results = _results_file(body, metadata) if has_results else None
    except ValueError as error:
        raise UnreadableError(f"a batch: {error}") from None
    if name is None:
        raise UnreadableError("the provider's answer has no name of a batch")
    status, problem = _status(json_values.member(metadata, "state") or json_values.member(body, "state"))
    stats = json_values.member(metadata, "batchStats")
    completed, failed, total = (
        json_values.count(json_values.member(stats, f"{count}equestCount"))
        for count in ("successfulR", "failedR", "r")
    )
    created_at = json_values.seconds(json_values.member(metadata, "createTime"))
    failure = json_values.member(body, "error")
    errors = (*((_message(failure),) if failure else ()), *filter(None, (problem,)))
    return BatchInfo(
        id=name,
        status=status,
        # The API leaves zeros out.
        completed=completed if completed is not None or total is None else 0,
        failed=failed if failed is not None or total is None else 0,
        total=total,
        input_file=None,
        output_file=results,
        error_file=results,
        errors=tuple(error_text.redacted(error, key) for error in errors),
        metadata=_metadata(json_values.text(json_values.member(metadata, "displayName")) or ""),
        created_at=created_at,
        expires_at=created_at + _EXPIRES_AFTER_S if created_at is not None else None,
    )


def input_file(body: object) -> str | None:
    """The input file of a batch; None where the API does not report it."""
    return json_values.text(json_values.member(body, "metadata", "inputConfig", "fileName"))


def has_display_name(body: object) -> bool:
    """Whether the API reports the display name of a batch, which identifies its owner."""
    return json_values.text(json_values.member(body, "metadata", "displayName")) is not None


def _results_file(body: object, metadata: object) -> str | None:
    for output in (json_values.member(metadata, "output"), json_values.member(body, "response")):
        for name in ("responsesFile", "fileName"):
            found = json_values.name(json_values.member(output, name))
            if found is not None:
                return found
    return None


def _status(value: object) -> tuple[BatchStatus, str | None]:
    """The status, and what is wrong with it. One that is unknown is polled until it is known."""
    state = value.strip().upper() if isinstance(value, str) else "UNSPECIFIED"
    state = state.rpartition("_STATE_")[2]
    if state in _STATES:
        return _STATES[state], None
    return "in_progress", f"the provider reports a state that is not known: {json_values.text(value)}"


def display_name(metadata: Mapping[str, str]) -> str:
    """A display name that encodes workspace, job and token: the API has no metadata for batches."""
    return f"{_PREFIX}{metadata['workspace'][:_MAX_NAME]}/{metadata['job']}/{metadata['token']}"


def is_quota_error(message: str) -> bool:
    """Whether an error in `batch_info` is an exhausted quota."""
    return message.startswith(_RESOURCE_EXHAUSTED[-1])


def _message(error: object) -> str:
    named = (json_values.text(json_values.member(error, name)) for name in ("code", "status"))
    code = next((name for name in named if name is not None), "error")
    code = _RESOURCE_EXHAUSTED[-1] if code in _RESOURCE_EXHAUSTED else code
    message = json_values.member(error, "message") if isinstance(error, Mapping) else error
    return f"{code}: {json_values.text(message) or 'no reason given'}"


def _metadata(name: str) -> dict[str, str]:
    parts = name.removeprefix(_PREFIX).rsplit("/", 2)
    if not name.startswith(_PREFIX) or len(parts) != 3:
        return {}
    return dict(zip(("workspace", "job", "token"), parts, strict=True))
