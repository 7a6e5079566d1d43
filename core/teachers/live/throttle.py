"""How many requests may be in flight, and how fast they may follow each other. Neither reads a clock."""

from __future__ import annotations

#: Requests in flight at the start.
_START = 8
#: The factor for the concurrency after an episode of 429s.
_SHRINK = 0.8


class AdaptiveConcurrency:
    """The number of requests in flight that a server accepts.

    It doubles with each round trip until the first 429. After that it shrinks by a fifth in each episode
    of 429s, and grows by one in each round trip. An episode is a 429 together with the 429s of all requests
    that were in flight with it: they report the same overload, which counts once. Answers to those requests
    do not let it grow.
    """

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.allowed = float(min(_START, maximum))
        self.in_flight = 0
        self._started = 0
        #: The number of the newest request that was in flight when the latest episode began.
        self._episode = 0
        self._doubles = True

    def begin(self) -> int:
        """Count one more request in flight; returns its number, which the other methods take."""
        self.in_flight += 1
        self._started += 1
        return self._started

    def answered(self, number: int, others_wait: bool) -> None:
        """A request was answered. `others_wait` if requests wait for a slot, so that more slots help."""
        if number > self._episode and others_wait:
            # One more for each answer doubles the number in a round trip of all requests.
            grown = self.allowed + (1.0 if self._doubles else 1.0 / self.allowed)
            self.allowed = min(grown, float(self.maximum))
        self.in_flight -= 1

    def throttled(self, number: int) -> None:
        """A request ended in a 429."""
        if number > self._episode:
            self._episode = self._started
            self._doubles = False
            self.allowed = max(1.0, self.allowed * _SHRINK)
        self.in_flight -= 1

    def failed(self) -> None:
        """A request failed for a reason other than its rate."""
        self.in_flight -= 1


class RateLimiter:
    """At most `per_minute` in any minute, evenly spread, without bursts that a server's own limit rejects.

    A token bucket from a library does not fit: it rejects an amount greater than its size, allows a full
    bucket on top of the rate in the first minute, and cannot take back what a request did not use.
    """

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60
        self._free_at = 0.0

    def reserve(self, amount: float, now: float) -> float:
        """Reserve the next free time for `amount`; returns the seconds from `now` until then."""
        start = max(now, self._free_at)
        self._free_at = start + amount / self._per_second
        return start - now

    def settle(self, difference: float) -> None:
        """Correct a reservation by the amount used minus the amount reserved."""
        self._free_at += difference / self._per_second
