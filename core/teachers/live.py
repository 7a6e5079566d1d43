"""The engine that sends many live requests: as many at a time as the server takes, each with its tries."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tenacity

from core.teachers import prices
from core.teachers.protocol import LiveTeacher, RateLimits, RejectedError, Reply, Request, TransientError
from core.teachers.throttle import Concurrency, Pace

#: Seconds between two looks at whether to stop.
_LOOK_S = 0.1
#: The back-off waits a random time between 0 and 1, 2, 4 … seconds, at most this many.
_MAX_WAIT_S = 60.0
#: How many 429s count as one try: they say that there were too many, not that this one went wrong.
_THROTTLED_A_TRY = 10

OnReply = Callable[[Request, Reply], None]
OnFailure = Callable[[Request, TransientError | RejectedError, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveLimits:
    """`max_concurrency` requests in flight, as many requests and tokens a minute, tries of each call.

    A try that ends in 429 counts a tenth.
    """

    max_concurrency: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    call_tries: int = 8


class _Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """No new request is to be sent."""


class Sender:
    """Sends requests to one teacher, and keeps what it learned of the server from one `send` to the next.

    To be used from one event loop. `stop` may be set by any thread: nothing new is sent then, and
    what is in flight (it is paid for) is awaited for `grace_s` seconds.
    """

    def __init__(
        self, teacher: LiveTeacher, limits: LiveLimits, stop: threading.Event, grace_s: float = 10.0
    ) -> None:
        self._teacher = teacher
        self._limits = limits
        self._stop = stop
        self._grace_s = grace_s
        self._concurrency = Concurrency(limits.max_concurrency)
        self._requests = _pace(limits.requests_per_minute)
        self._tokens = _pace(limits.tokens_per_minute)
        #: Those that wait for a place, the longest first, and the places that are taken.
        self._queue: deque[asyncio.Future[None]] = deque()
        self._taken = 0
        #: The moment (of the loop's clock) until which the server wants to be left alone.
        self._held_until = 0.0
        self._heeded: RateLimits | None = None
        self._turn = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight at the moment."""
        return int(self._concurrency.allowed)

    @property
    def in_flight(self) -> int:
        return self._concurrency.in_flight

    @property
    def held_s(self) -> float:
        """Seconds for which the server still wants to be left alone; to be asked inside the loop."""
        return max(0.0, self._held_until - asyncio.get_running_loop().time())

    async def send(self, requests: Sequence[Request], on_reply: OnReply, on_failure: OnFailure) -> None:
        """Ask for all of `requests`; each is handed over at once, in the loop, unless it was stopped.

        `on_failure` gets the last error and the number of tries. Raises the fatal `RejectedError` that
        ended everything, or what a callback raised, after what was in flight has been handed over.
        """
        queue = iter(requests)
        count = min(len(requests), self._limits.max_concurrency)
        workers = [asyncio.create_task(self._work(queue, on_reply, on_failure)) for _ in range(count)]
        watch = asyncio.create_task(self._watch(workers))
        try:
            await asyncio.gather(*workers, return_exceptions=True)
        finally:
            watch.cancel()
        if self._error is not None:
            raise self._error

    async def _watch(self, workers: Sequence[asyncio.Task[None]]) -> None:
        try:
            while not self._stop.is_set():
                await self._pause(_LOOK_S)
        except _Stopped:
            log.debug("an error stops the sending")
        self._stopping.set()
        await asyncio.sleep(self._grace_s)
        for worker in workers:
            worker.cancel()

    async def _work(self, queue: Iterator[Request], on_reply: OnReply, on_failure: OnFailure) -> None:
        try:
            for request in queue:
                await self._send(request, on_reply, on_failure)
        except _Stopped:
            return
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._error = self._error or error
            self._stopping.set()
            raise

    async def _send(self, request: Request, on_reply: OnReply, on_failure: OnFailure) -> None:
        tries = spent = 0

        def is_spent(state: tenacity.RetryCallState) -> bool:
            nonlocal spent
            spent += 1 if _error(state).throttled else _THROTTLED_A_TRY
            return spent >= _THROTTLED_A_TRY * self._limits.call_tries

        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception_type(TransientError),
                wait=_wait,
                stop=is_spent,
                sleep=self._pause,
                reraise=True,
            ):
                tries = attempt.retry_state.attempt_number
                with attempt:
                    reply = await self._try(request, tries)
        except TransientError as error:
            on_failure(request, error, tries)
        except RejectedError as error:
            if error.fatal:
                raise
            on_failure(request, error, tries)
        else:
            on_reply(request, reply)

    async def _try(self, request: Request, number: int) -> Reply:
        tokens = _tokens(request)
        await self._take_place(first=number > 1)
        try:
            await self._wait_for_turn(tokens)
            ticket = self._concurrency.begin()
            try:
                reply = await self._teacher.ask(request)
            except TransientError as error:
                log.info("%s: %s", request.key, error)
                if error.throttled:
                    self._concurrency.throttled(ticket)
                else:
                    self._concurrency.failed()
                self._hold(error.retry_after)
                self._heed(tokens)
                raise
            except BaseException:
                self._concurrency.failed()
                raise
            self._concurrency.answered(ticket, bool(self._queue))
            self._heed(tokens)
            if self._tokens is not None and reply.usage is not None:
                self._tokens.settle(reply.usage.input_tokens + reply.usage.output_tokens - tokens)
            return reply
        finally:
            self._leave_place()

    async def _take_place(self, first: bool) -> None:
        """Wait for a place; `first` before all others, so that what has begun comes to an end."""
        if self._queue or self._taken >= self.concurrency:
            place = asyncio.get_running_loop().create_future()
            if first:
                self._queue.appendleft(place)
            else:
                self._queue.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if not place.cancelled():
                    self._leave_place()
                raise
        else:
            self._taken += 1

    def _leave_place(self) -> None:
        self._taken -= 1
        while self._queue and self._taken < self.concurrency:
            place = self._queue.popleft()
            if not place.done():
                self._taken += 1
                place.set_result(None)

    async def _wait_for_turn(self, tokens: int) -> None:
        """Wait until neither the server nor a fixed limit is against sending. Raises `_Stopped`."""
        now = asyncio.get_running_loop().time
        # One at a time, so that no two come out of a pause together.
        async with self._turn:
            await self._wait_while_held()
            if self._requests is not None:
                await self._pause(self._requests.reserve(1, now()))
            if self._tokens is not None:
                await self._pause(self._tokens.reserve(tokens, now()))
        await self._wait_while_held()

    async def _wait_while_held(self) -> None:
        while (left := self.held_s) > 0:
            await self._pause(left)
        await self._pause(0)

    async def _pause(self, seconds: float) -> None:
        """Raises `_Stopped` as soon as no new request is to be sent."""
        if seconds > 0 and not self._stopping.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return
        if self._stopping.is_set():
            raise _Stopped

    def _hold(self, seconds: float | None) -> None:
        if seconds:
            until = asyncio.get_running_loop().time() + seconds
            self._held_until = max(self._held_until, until)

    def _heed(self, tokens: int) -> None:
        """Wait for the reset when the newest headers leave too little for another request like this."""
        limits = self._teacher.limits
        if limits is self._heeded:
            return
        self._heeded = limits
        if limits.remaining_requests == 0:
            self._hold(limits.reset_requests_s)
        if limits.remaining_tokens is not None and limits.remaining_tokens < tokens:
            self._hold(limits.reset_tokens_s)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try; where the server names a time, everyone is held until then anyway."""
    if _error(state).retry_after is not None:
        return tenacity.wait_random(0, min(1.0, _MAX_WAIT_S))(state)
    return tenacity.wait_random_exponential(multiplier=1, max=_MAX_WAIT_S)(state)


def _error(state: tenacity.RetryCallState) -> TransientError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, TransientError)
    return error


def _pace(per_minute: int | None) -> Pace | None:
    return None if per_minute is None else Pace(per_minute)


def _tokens(request: Request) -> int:
    usage = prices.estimate([request])
    return usage.input_tokens + usage.output_tokens
