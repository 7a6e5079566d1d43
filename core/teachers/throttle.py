"""How many requests may be in flight, and how fast they may follow each other; without a clock of its own."""

from __future__ import annotations

#: Requests in flight to begin with.
_START = 8
#: What is left of the concurrency after an episode of 429s.
_SHRINK = 0.8


class Concurrency:
    """Doubles each round trip until the first 429, then shrinks by a fifth per episode and grows by one.

    An episode is a 429 with all the 429s of requests that were in flight with it: they say together
    that there were too many, once. Answers of such requests say nothing about the new number either.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.allowed = float(min(_START, most))
        self.in_flight = 0
        self._begun = 0
        #: The newest request that had begun when the latest episode did.
        self._episode = 0
        self._doubles = True

    def begin(self) -> int:
        """Count one more in flight; its number, to be given to one of the endings."""
        self.in_flight += 1
        self._begun += 1
        return self._begun

    def answered(self, number: int, others_wait: bool) -> None:
        """An ending: the server took the request. `others_wait` for a place, so that more are of use."""
        if number > self._episode and others_wait:
            # One more for each answer is twice as many after a round trip of all of them.
            grown = self.allowed + (1.0 if self._doubles else 1.0 / self.allowed)
            self.allowed = min(grown, float(self.most))
        self.in_flight -= 1

    def throttled(self, number: int) -> None:
        """An ending: 429."""
        if number > self._episode:
            self._episode = self._begun
            self._doubles = False
            self.allowed = max(1.0, self.allowed * _SHRINK)
        self.in_flight -= 1

    def failed(self) -> None:
        """An ending that says nothing about how much the server can take."""
        self.in_flight -= 1


class Pace:
    """At most `per_minute` in any minute, evenly spread: no burst that a server's own limit would refuse.

    A library's bucket does not fit: it refuses an amount greater than itself, allows a full bucket
    on top of the rate in the first minute, and cannot take back what a request did not use.
    """

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60
        self._free_at = 0.0

    def reserve(self, amount: float, now: float) -> float:
        """Take the next free place for `amount`; the seconds from `now` until it is there."""
        place = max(now, self._free_at)
        self._free_at = place + amount / self._per_second
        return place - now

    def settle(self, more: float) -> None:
        """Correct a reservation by what was used more than it (or less: below 0)."""
        self._free_at += more / self._per_second
