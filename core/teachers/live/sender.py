"""Sending many live requests: as many at a time as the server accepts, each with retries."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tenacity

from core.jobs.records import Waiting
from core.teachers.costs import prices
from core.teachers.live import retries
from core.teachers.live.retries import TryCount
from core.teachers.live.throttle import AdaptiveConcurrency, RateLimiter
from core.teachers.live.trouble import kind_of
from core.teachers.protocol import (
    LiveTeacher,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
)
from core.teachers.requests.allowance import Allowance

#: Seconds between two checks of the stop event.
_STOP_POLL_S = 0.1
#: The maximum of a pause that a server asks for. Servers request hours by mistake too: a request finds out.
_MAX_PAUSE_S = 300.0
#: Seconds without an answer after which the sender counts as waiting.
_WAITS_FROM_S = 2.0
#: The same while requests are in flight, without any error: a slow model takes a while.
_HANGS_FROM_S = 30.0

#: Called with a request, its reply, and the number of tries before it whose answers were lost.
OnReply = Callable[[Request, Reply, int], None]
#: Called with a request, its last error, the number of its tries, and how many of their answers were lost.
OnFailure = Callable[[Request, TransientError | RejectedError, int, int], None]

#: Called with a request and the number of its try before it is sent, or once it is certain that it was not
#: answered.
OnCall = Callable[[Request, int], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveLimits:
    """Limits for live calls. None for no limit."""

    max_concurrency: int
    """Maximum number of requests in flight."""
    requests_per_minute: int | None = None
    """Maximum number of requests that begin in a minute."""
    tokens_per_minute: int | None = None
    """Maximum number of tokens in a minute, those of answers included."""
    call_tries: int = 8
    """Tries of each call. A try that ends in a 429 counts a tenth; one that does not reach a server that has
    answered before does not count, unless the server has answered other requests since."""
    max_wait_s: float = 3600.0
    """Seconds without any answer after which the sender gives up."""


class _Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """No more requests may be sent."""


class Sender:
    """Sends requests to one teacher; the concurrency that the server accepts is kept between calls of `send`.

    Use it from one event loop. Any thread may set `stop`: then no more requests are sent, and those in
    flight, which are charged, are awaited for up to `grace_s` seconds.
    """

    def __init__(
        self, teacher: LiveTeacher, limits: LiveLimits, stop: threading.Event, grace_s: float = 10.0
    ) -> None:
        self._teacher = teacher
        self._limits = limits
        self._stop = stop
        self._grace_s = grace_s
        self._concurrency = AdaptiveConcurrency(limits.max_concurrency)
        self._request_rate = _rate_limiter(limits.requests_per_minute)
        self._token_rate = _rate_limiter(limits.tokens_per_minute)
        #: Requests that wait for a slot, the longest first, and the number of slots in use.
        self._queue: deque[asyncio.Future[None]] = deque()
        self._slots_in_use = 0
        #: The time (of the loop's clock) before which nothing may be sent, as the server asked.
        self._paused_until = self._paused_since = 0.0
        #: Answers so far, the time since when there were none, and the newest error.
        self._answers = 0
        self._silent_since: float | None = None
        #: Unix time when the loop's clock was 0, read once: the same moment is always the same number.
        self._epoch = 0.0
        self._newest_error: TransientError | None = None
        #: Whether the log says that nothing is sent.
        self._is_silence_logged = False
        #: When the newest answer or error came; before the first one, when a request was sent.
        self._heard_at = 0.0
        self._applied_limits: RateLimits | None = None
        #: When the newest headers said that a limit is used up, and when it ends.
        self._used_up_at = self._used_up_until = 0.0
        #: Whether the headers about rate limits are true, as far as is known.
        self._trusts_limits = True
        self._on_send: OnCall = lambda request, number: None
        self._on_unpaid: OnCall = lambda request, number: None
        self._allowance: Allowance | None = None
        self._send_lock = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight now."""
        return int(self._concurrency.allowed)

    @property
    def in_flight(self) -> int:
        return self._concurrency.in_flight

    @property
    def pause_s(self) -> float:
        """Seconds before the server accepts requests again. Read it in the event loop."""
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    @property
    def trouble(self) -> Waiting | None:
        """Why nothing is answered; None while requests are answered. Read it in the event loop."""
        now = asyncio.get_running_loop().time()
        is_paused = self.pause_s > 0
        if self._silent_since is None or self._newest_error is None:
            if self.in_flight and now - self._heard_at >= _HANGS_FROM_S:
                reason = f"the server has not answered yet: {self.in_flight} requests are in flight"
                return Waiting(reason, self._heard_at + self._epoch)
            if self.pause_s < _WAITS_FROM_S:
                return None
            since, until = self._paused_since + self._epoch, self._paused_until + self._epoch
            return Waiting("rate limited: the provider's limit is used up", since, until)
        if self.pause_s < _WAITS_FROM_S and now - self._silent_since < _WAITS_FROM_S:
            return None
        error, since = self._newest_error, self._silent_since + self._epoch
        return Waiting(
            f"{kind_of(error)}: {error}",
            since,
            self._paused_until + self._epoch if is_paused else None,
            since + self._limits.max_wait_s,
        )

    async def send(
        self,
        requests: Sequence[Request],
        on_reply: OnReply,
        on_failure: OnFailure,
        on_send: OnCall = lambda request, number: None,
        on_unpaid: OnCall = lambda request, number: None,
        allowance: Allowance | None = None,
    ) -> None:
        """Send `requests`, and call back with each result as soon as it is there, in the event loop.

        `on_send` is called right before each call is made, `on_unpaid` after one that certainly has no answer
        and no cost. `on_failure` gets the last error and the number of tries. Raises a fatal `RejectedError`,
        or what a callback raised, after the results of all requests in flight. Requests that were not sent
        because of `stop`, or because `allowance` is used up, have no result.
        """
        self._on_send, self._on_unpaid, self._allowance = on_send, on_unpaid, allowance
        self._epoch = self._epoch or time.time() - asyncio.get_running_loop().time()
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
                await self._pause(_STOP_POLL_S)
        except _Stopped:
            log.debug("stopped by an error")
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
        tries, count = 0, TryCount(self._limits.call_tries, self._answers)
        try:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception_type(TransientError),
                wait=retries.wait_s,
                stop=lambda state: count.is_last(retries.error_of(state), self._answers),
                sleep=self._pause,
                reraise=True,
            ):
                tries = attempt.retry_state.attempt_number
                with attempt:
                    reply = await self._try(request, tries)
        except TransientError as error:
            on_failure(request, error, tries, count.lost)
        except RejectedError as error:
            if error.fatal:
                raise
            on_failure(request, error, tries, count.lost)
        else:
            on_reply(request, reply, count.lost)
        finally:
            if self._allowance is not None:
                self._allowance.release(request)

    async def _try(self, request: Request, number: int) -> Reply:
        tokens = _tokens(request)
        await self._take_slot(first=number > 1)
        try:
            await self._wait_for_limits(tokens)
            if self._allowance is not None:
                if not await self._allowance.take(request):
                    raise _Stopped
                await self._wait_while_paused()
            began = asyncio.get_running_loop().time()
            if self.in_flight == 0:
                self._heard_at = began
            ticket = self._concurrency.begin()
            try:
                self._on_send(request, number)
                reply = await self._teacher.complete(request)
            except TransientError as error:
                log.info("%s: %s", request.key, error)
                if not error.may_be_charged:
                    self._on_unpaid(request, number)
                if self._allowance is not None:
                    if error.may_be_charged:
                        self._allowance.lose(request)
                    self._allowance.release(request)
                if error.throttled:
                    self._concurrency.throttled(ticket)
                else:
                    self._concurrency.failed()
                self._note_silence(error)
                self._pause_sending(error.retry_after)
                self._apply_limits(tokens)
                raise
            except RejectedError:
                self._on_unpaid(request, number)
                self._concurrency.failed()
                self._note_answer()
                raise
            except BaseException:
                self._concurrency.failed()
                raise
            self._concurrency.answered(ticket, bool(self._queue))
            self._note_answer()
            if self._used_up_at < began < self._used_up_until and self._trusts_limits:
                log.warning("the headers about rate limits are ignored: requests are answered all the same")
                self._trusts_limits = False
            self._apply_limits(tokens)
            if self._token_rate is not None and reply.usage is not None:
                self._token_rate.settle(reply.usage.input_tokens + reply.usage.output_tokens - tokens)
            return reply
        finally:
            self._release_slot()

    def _note_answer(self) -> None:
        self._answers += 1
        self._heard_at = asyncio.get_running_loop().time()
        if self._silent_since is not None and self._is_silence_logged:
            log.info("requests are answered again")
        self._silent_since, self._is_silence_logged = None, False

    def _note_silence(self, error: TransientError) -> None:
        """Raises `RejectedError` once nothing has been answered for too long."""
        now = self._heard_at = asyncio.get_running_loop().time()
        if self._silent_since is None:
            self._silent_since = now
        self._newest_error = error
        silent_s = now - self._silent_since
        if silent_s >= self._limits.max_wait_s:
            raise RejectedError(
                f"{kind_of(error)} for {silent_s:.0f} s, longer than max_wait_s allows: {error}. All answers "
                "are kept, and a retry sends the other requests",
                code=error.code,
                fatal=True,
            )

    async def _take_slot(self, first: bool) -> None:
        """Wait for a slot. `first` puts retries before all other requests, so that they finish early."""
        if self._queue or self._slots_in_use >= self.concurrency:
            slot = asyncio.get_running_loop().create_future()
            if first:
                self._queue.appendleft(slot)
            else:
                self._queue.append(slot)
            try:
                await slot
            except asyncio.CancelledError:
                if not slot.cancelled():
                    self._release_slot()
                raise
        else:
            self._slots_in_use += 1

    def _release_slot(self) -> None:
        self._slots_in_use -= 1
        while self._queue and self._slots_in_use < self.concurrency:
            slot = self._queue.popleft()
            if not slot.done():
                self._slots_in_use += 1
                slot.set_result(None)

    async def _wait_for_limits(self, tokens: int) -> None:
        """Wait until the server and the configured rates allow another request. Raises `_Stopped`."""
        now = asyncio.get_running_loop().time
        # One at a time, so that requests do not leave a pause all at once.
        async with self._send_lock:
            await self._wait_while_paused()
            if self._request_rate is not None:
                await self._pause(self._request_rate.reserve(1, now()))
            if self._token_rate is not None:
                await self._pause(self._token_rate.reserve(tokens, now()))
        await self._wait_while_paused()

    async def _wait_while_paused(self) -> None:
        while (seconds := self.pause_s) > 0:
            if seconds >= _WAITS_FROM_S and not self._is_silence_logged:
                self._is_silence_logged = True
                log.warning("nothing is sent for %.0f s: %s", seconds, self._newest_error or "the rate limit")
            await self._pause(seconds)
        await self._pause(0)

    async def _pause(self, seconds: float) -> None:
        """Sleep. Raises `_Stopped` as soon as no more requests may be sent."""
        if seconds > 0 and not self._stopping.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return
        if self._stopping.is_set():
            raise _Stopped

    def _pause_sending(self, seconds: float | None) -> None:
        if seconds:
            now = asyncio.get_running_loop().time()
            silent_since = now if self._silent_since is None else self._silent_since
            # One more request is sent before the sender gives up.
            gives_up_in = max(0.0, silent_since + self._limits.max_wait_s - now)
            until = now + min(seconds, _MAX_PAUSE_S, gives_up_in)
            if now >= self._paused_until:
                self._paused_since = now
            self._paused_until = max(self._paused_until, until)

    def _apply_limits(self, tokens: int) -> None:
        """Pause until the reset if the newest headers leave too little for another request of this size."""
        limits = self._teacher.limits
        if limits is self._applied_limits or not self._trusts_limits:
            return
        self._applied_limits = limits
        resets = []
        if limits.remaining_requests == 0:
            resets.append(limits.reset_requests_s)
        if limits.remaining_tokens is not None and limits.remaining_tokens < tokens:
            resets.append(limits.reset_tokens_s)
        longest = max((seconds for seconds in resets if seconds is not None), default=0.0)
        if longest > 0:
            self._used_up_at = asyncio.get_running_loop().time()
            self._used_up_until = self._used_up_at + longest
            self._pause_sending(longest)


def _rate_limiter(per_minute: int | None) -> RateLimiter | None:
    return None if per_minute is None else RateLimiter(per_minute)


def _tokens(request: Request) -> int:
    usage = prices.estimate([request])
    return usage.input_tokens + usage.output_tokens
