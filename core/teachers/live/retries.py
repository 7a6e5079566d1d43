"""How often a request is tried, and how long before it is tried again."""

from __future__ import annotations

import tenacity

from core.teachers.protocol import TransientError

#: The maximum of the exponential backoff, which waits a random time between 0 and 1, 2, 4 … seconds.
_MAX_WAIT_S = 60.0
#: How many 429s count as one try: nothing is wrong with the request, there were only too many of them.
_THROTTLED_PER_TRY = 10


class TryCount:
    """Counts the tries of one request.

    `answers` is how many requests the server has answered so far: a try that does not reach a server which
    has answered before does not count, unless it has answered others since.
    """

    def __init__(self, limit: int, answers: int) -> None:
        self._left = limit * _THROTTLED_PER_TRY
        self._answers = answers
        #: Tries whose answers were lost, and are perhaps paid.
        self.lost = 0

    def is_last(self, error: TransientError, answers: int) -> bool:
        """Count a try that ended in `error`; whether there is no other one."""
        self.lost += error.may_be_charged
        is_outage = error.unreachable and 0 < answers == self._answers
        self._answers = answers
        if not is_outage:
            self._left -= 1 if error.throttled else _THROTTLED_PER_TRY
        return self._left <= 0


def wait_s(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try. Where the server names a time, all requests wait until then anyway; one
    that has passed says nothing, and its requests would come again at once."""
    if error_of(state).retry_after:
        return tenacity.wait_random(0, min(1.0, _MAX_WAIT_S))(state)
    return tenacity.wait_random_exponential(multiplier=1, max=_MAX_WAIT_S)(state)


def error_of(state: tenacity.RetryCallState) -> TransientError:
    """What a try ended in."""
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, TransientError)
    return error
