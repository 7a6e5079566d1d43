"""What the live calls of a session may cost under a budget."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from core.teachers.protocol import Request


class Allowance:
    """What the calls of a session may cost together, in US dollars; use it from one event loop.

    Each call in flight reserves what it costs at most: its prompt and the limit of its tokens, or as much as
    the most expensive answer so far, since some servers charge for more. One that is alone only needs room
    for its estimate, so the calls cost at most what one of them costs more than that. As long as nothing is
    known of the model's answers, the first call goes alone.
    """

    def __init__(self, usd: float, expected_usd: float, most_usd: float, *, is_known: bool) -> None:
        #: What the session may cost in all.
        self.usd = usd
        #: What a call costs by estimate and at most, of the longest of its requests.
        self._expected_usd, self._most_usd = expected_usd, most_usd
        self._is_known = is_known
        self._spent_usd = 0.0
        #: By the key of a request without an answer, what its lost answers cost by estimate.
        self._lost_usd: defaultdict[str, float] = defaultdict(float)
        #: The keys of requests in flight.
        self._reserved: set[str] = set()
        self._changed = asyncio.Event()

    async def take(self, request: Request) -> bool:
        """Wait until `request` may be sent; whether it may be, in this session."""
        while not self._fits(request):
            if not self._reserved - {request.key}:
                return False
            self._changed.clear()
            await self._changed.wait()
        self._reserved.add(request.key)
        return True

    def release(self, request: Request) -> None:
        """A request is no longer in flight."""
        self._is_known = True
        self._reserved.discard(request.key)
        self._changed.set()

    def lose(self, request: Request) -> None:
        """Count a call whose answer was lost, and may be charged all the same."""
        self._lost_usd[request.key] += self._expected_usd
        self._spent_usd += self._expected_usd

    def spend(self, request: Request, usd: float) -> None:
        """Count the cost of a request's answer, with those that were lost before it."""
        self._spent_usd += usd - self._lost_usd.pop(request.key, 0.0)
        self._most_usd = max(self._most_usd, usd)

    def _fits(self, request: Request) -> bool:
        others = len(self._reserved - {request.key})
        if not others:
            return self._spent_usd + self._expected_usd <= self.usd
        return self._is_known and self._spent_usd + (others + 1) * self._most_usd <= self.usd
