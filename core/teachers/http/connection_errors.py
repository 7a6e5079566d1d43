"""Calls without a response, as errors of the protocol."""

from __future__ import annotations

from core.network import failures
from core.teachers.http import error_text
from core.teachers.protocol import RejectedError, TransientError


def timeout(error: BaseException, base_url: str) -> TransientError:
    """The error of a call that took too long: the model may have answered, unless nobody listened."""
    failure = failures.explain(error, base_url)
    return TransientError(
        "the call timed out",
        code="timeout",
        unreachable=failure.unreachable,
        may_be_charged=not failure.unreachable,
    )


def dropped(error: BaseException, key: str, base_url: str) -> TransientError | RejectedError:
    """The error of a call whose connection failed; its message never contains `key`."""
    failure = failures.explain(error, base_url)
    message = error_text.redacted(failure.text, key)
    if failure.final:
        return RejectedError(message, code="connection", fatal=True)
    return TransientError(
        message,
        code="connection",
        unreachable=failure.unreachable,
        may_be_charged=not failure.unreachable,
    )
