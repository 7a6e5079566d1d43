from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import tenacity

from core.teachers.live import retries
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.live.throttle import AdaptiveConcurrency, RateLimiter
from core.teachers.protocol import Message, RateLimits, RejectedError, Reply, Request, TransientError, Usage
from tests.support import waiting

REPLY = Reply("well", "stop", Usage(10, 0, 5))


class Teacher:
    """Answers as `answer` does; `most` is the largest number of requests that were in flight."""

    def __init__(self, answer: Callable[[Request, int], Awaitable[Reply]]) -> None:
        self.limits = RateLimits()
        self.answer = answer
        self.calls: Counter[str] = Counter()
        self.in_flight = self.maximum = 0

    async def complete(self, request: Request) -> Reply:
        self.calls[request.key] += 1
        self.in_flight += 1
        self.maximum = max(self.maximum, self.in_flight)
        try:
            return await self.answer(request, self.calls[request.key])
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        """Nothing to close."""


class Ledger:
    """What was handed over."""

    def __init__(self) -> None:
        self.replies: list[str] = []
        self.failures: dict[str, tuple[str, int]] = {}

    def reply(self, request: Request, reply: Reply, lost: int) -> None:
        self.replies.append(request.key)

    def failure(self, request: Request, error: TransientError | RejectedError, tries: int, lost: int) -> None:
        self.failures[request.key] = (error.code, tries)


def requests(count: int) -> list[Request]:
    return [Request(f"{n:032x}", f"d{n}", (Message("user", "hello"),)) for n in range(count)]


async def send(
    teacher: Teacher, count: int, limits: LiveLimits, stop: threading.Event | None = None, grace_s: float = 10
) -> tuple[Ledger, Sender]:
    ledger = Ledger()
    sender = Sender(teacher, limits, stop or threading.Event(), grace_s)
    await waiting.result_of(
        sender.send(requests(count), ledger.reply, ledger.failure),
        "the replies",
        progress=teacher.calls.total,
    )
    return ledger, sender


async def at_once(request: Request, attempt: int) -> Reply:
    await asyncio.sleep(0)
    return REPLY


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without its waiting."""
    monkeypatch.setattr("core.teachers.live.retries._MAX_WAIT_S", 0.0)


async def test_every_request_is_handed_over_once() -> None:
    teacher = Teacher(at_once)
    ledger, sender = await send(teacher, 500, LiveLimits(32))
    assert sorted(ledger.replies) == [request.key for request in requests(500)]
    assert set(teacher.calls.values()) == {1}
    assert teacher.maximum == 32
    assert (sender.concurrency, sender.in_flight) == (32, 0)


async def test_nothing_to_send() -> None:
    ledger, _ = await send(Teacher(at_once), 0, LiveLimits(4))
    assert ledger.replies == []


async def test_it_starts_small_and_doubles_each_round() -> None:
    """A server that answers all that is in flight at once, whenever nothing more comes."""
    sizes: list[int] = []
    waiting: list[asyncio.Future[Reply]] = []

    async def in_rounds(request: Request, attempt: int) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting.append(future)
        return await future

    async def rounds() -> None:
        while True:
            seen = -1
            while seen != len(waiting):
                seen = len(waiting)
                for _ in range(20):
                    await asyncio.sleep(0)
            if waiting:
                sizes.append(len(waiting))
            for future in waiting:
                future.set_result(REPLY)
            waiting.clear()

    server = asyncio.create_task(rounds())
    ledger, _ = await send(Teacher(in_rounds), 8 + 16 + 32 + 40 + 40, LiveLimits(40))
    server.cancel()
    assert sizes == [8, 16, 32, 40, 40]
    assert len(ledger.replies) == 136


@pytest.mark.parametrize(("retry_after", "is_long"), [(None, True), (0.0, True), (5.0, False)])
def test_a_time_that_has_passed_is_none_to_wait_for(retry_after: float | None, is_long: bool) -> None:
    """Requests came again within a second, for an hour."""
    state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
    state.attempt_number = 7
    error = TransientError("slow down", code="429", throttled=True, retry_after=retry_after)
    state.set_exception((TransientError, error, None))
    assert (max(retries.wait_s(state) for _ in range(50)) > 1.0) == is_long


def test_an_episode_of_429s_shrinks_once_and_growth_is_slow_after() -> None:
    concurrency = AdaptiveConcurrency(100)
    for _ in range(5):
        for number in [concurrency.begin() for _ in range(int(concurrency.allowed))]:
            concurrency.answered(number, others_wait=True)
    assert concurrency.allowed == 100
    flying = [concurrency.begin() for _ in range(100)]
    for number in flying[:30]:
        concurrency.throttled(number)
    for number in flying[30:60]:
        concurrency.answered(number, others_wait=True)
    for _ in flying[60:]:
        concurrency.failed()
    assert concurrency.allowed == 80
    for number in [concurrency.begin() for _ in range(80)]:
        concurrency.answered(number, others_wait=True)
    assert 80.9 < concurrency.allowed < 81.1
    concurrency.throttled(concurrency.begin())
    assert concurrency.allowed == pytest.approx(81 * 0.8, abs=0.1)
    assert concurrency.in_flight == 0


def test_it_never_shrinks_below_one_nor_grows_without_need() -> None:
    concurrency = AdaptiveConcurrency(8)
    for _ in range(50):
        concurrency.throttled(concurrency.begin())
    assert concurrency.allowed == 1
    idle = AdaptiveConcurrency(1000)
    before = idle.allowed
    for _ in range(50):
        idle.answered(idle.begin(), others_wait=False)
    assert idle.allowed == before


@pytest.mark.usefixtures("no_wait")
async def test_a_cap_on_concurrency_is_found_and_nothing_is_lost() -> None:
    cap, busy = 12, 0

    async def capped(request: Request, attempt: int) -> Reply:
        nonlocal busy
        if busy >= cap:
            raise TransientError("slow down", code="429", throttled=True)
        busy += 1
        for _ in range(20):
            await asyncio.sleep(0)
        busy -= 1
        return REPLY

    teacher = Teacher(capped)
    ledger, sender = await send(teacher, 2000, LiveLimits(64, call_tries=1000))
    assert len(ledger.replies) == 2000
    assert ledger.failures == {}
    assert 6 <= sender.concurrency <= 16
    assert sum(teacher.calls.values()) < 2000 * 1.25


@pytest.mark.usefixtures("no_wait")
async def test_5xx_is_tried_again_and_does_not_shrink() -> None:
    async def stumbling(request: Request, attempt: int) -> Reply:
        await asyncio.sleep(0)
        if attempt < 3:
            raise TransientError("oops", code="503")
        return REPLY

    teacher = Teacher(stumbling)
    ledger, sender = await send(teacher, 200, LiveLimits(16, call_tries=3))
    assert len(ledger.replies) == 200
    assert set(teacher.calls.values()) == {3}
    assert sender.concurrency == 16


@pytest.mark.usefixtures("no_wait")
async def test_tries_end_and_rejections_are_not_tried_again() -> None:
    async def failing(request: Request, attempt: int) -> Reply:
        if request.dialog_id == "d1":
            raise RejectedError("too long", code="400", fatal=False)
        if request.dialog_id == "d2":
            raise TransientError("oops", code="timeout")
        return REPLY

    teacher = Teacher(failing)
    ledger, _ = await send(teacher, 4, LiveLimits(2, call_tries=5))
    one, two = requests(4)[1].key, requests(4)[2].key
    assert ledger.failures == {one: ("400", 1), two: ("timeout", 5)}
    assert (teacher.calls[one], teacher.calls[two]) == (1, 5)
    assert len(ledger.replies) == 2


@pytest.mark.usefixtures("no_wait")
async def test_a_429_counts_a_tenth_of_a_try() -> None:
    async def storm(request: Request, attempt: int) -> Reply:
        raise TransientError("slow down", code="429", throttled=True)

    ledger, sender = await send(Teacher(storm), 1, LiveLimits(4, call_tries=3))
    assert list(ledger.failures.values()) == [("429", 30)]
    assert sender.concurrency == 1


@pytest.mark.usefixtures("no_wait")
async def test_what_is_tried_again_goes_before_what_is_new() -> None:
    asked: list[str] = []

    async def stumbling(request: Request, attempt: int) -> Reply:
        asked.append(request.dialog_id)
        if request.dialog_id == "d0" and attempt < 4:
            raise TransientError("oops", code="500")
        return REPLY

    teacher = Teacher(stumbling)
    sender = Sender(teacher, LiveLimits(30), threading.Event())
    sender._concurrency.allowed = 1.0
    sender._concurrency.maximum = 1
    await waiting.result_of(
        sender.send(requests(30), Ledger().reply, Ledger().failure),
        "the replies",
        progress=teacher.calls.total,
    )
    assert asked.index("d0") == 0
    assert len(asked) == 33
    assert [n for n, name in enumerate(asked) if name == "d0"][-1] < 10


async def test_a_fatal_rejection_ends_everything_but_what_is_in_flight() -> None:
    rejected = asyncio.Event()

    async def wrong_key(request: Request, attempt: int) -> Reply:
        if request.dialog_id == "d3":
            while teacher.in_flight < 8:
                await asyncio.sleep(0)
            rejected.set()
            raise RejectedError("wrong key", code="401", fatal=True)
        await rejected.wait()
        return REPLY

    teacher, ledger = Teacher(wrong_key), Ledger()
    sender = Sender(teacher, LiveLimits(50), threading.Event())
    with pytest.raises(RejectedError, match="wrong key"):
        await waiting.result_of(sender.send(requests(100), ledger.reply, ledger.failure), "the rejection")
    assert sum(teacher.calls.values()) == 8
    assert len(ledger.replies) == 7
    assert ledger.failures == {}


async def test_what_a_callback_raises_ends_everything() -> None:
    def full_disk(request: Request, reply: Reply, lost: int) -> None:
        raise OSError("no space left")

    teacher = Teacher(at_once)
    sender = Sender(teacher, LiveLimits(4), threading.Event())
    with pytest.raises(OSError, match="no space"):
        await waiting.result_of(sender.send(requests(100), full_disk, Ledger().failure), "the error")
    assert sum(teacher.calls.values()) <= 4


async def test_stop_lets_what_is_in_flight_land() -> None:
    stop, release = threading.Event(), asyncio.Event()

    async def held(request: Request, attempt: int) -> Reply:
        if len(teacher.calls) == 8:
            stop.set()
            asyncio.get_running_loop().call_later(0.3, release.set)
        await release.wait()
        return REPLY

    teacher = Teacher(held)
    ledger, _ = await send(teacher, 100, LiveLimits(64), stop)
    assert len(ledger.replies) == sum(teacher.calls.values()) == 8
    assert ledger.failures == {}


async def test_stop_cancels_what_takes_too_long_and_ends_a_back_off() -> None:
    stop = threading.Event()

    async def forever(request: Request, attempt: int) -> Reply:
        if request.dialog_id == "d0":
            while teacher.in_flight < 4:
                await asyncio.sleep(0)
            stop.set()
            raise TransientError("come back later", code="503", retry_after=10_000)
        await asyncio.Event().wait()
        return REPLY

    teacher = Teacher(forever)
    ledger, _ = await send(teacher, 50, LiveLimits(4), stop, grace_s=0.05)
    assert (ledger.replies, ledger.failures, teacher.in_flight) == ([], {}, 0)


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("by", ["retry_after", "requests", "tokens"])
async def test_all_wait_until_the_server_wants_to_be_asked_again(by: str) -> None:
    hold_s, sent = 0.4, []

    async def holding(request: Request, attempt: int) -> Reply:
        sent.append(asyncio.get_running_loop().time())
        if len(sent) > 1:
            teacher.limits = RateLimits()
            return REPLY
        if by == "requests":
            teacher.limits = RateLimits(0, None, hold_s, None)
        elif by == "tokens":
            teacher.limits = RateLimits(None, 1, None, hold_s)
        if by == "retry_after":
            raise TransientError("later", code="429", throttled=True, retry_after=hold_s)
        return REPLY

    teacher = Teacher(holding)
    ledger, _ = await send(teacher, 40, LiveLimits(1))
    assert len(ledger.replies) == 40
    assert sent[1] - sent[0] >= hold_s


async def test_headers_are_heeded_once() -> None:
    """A timeout brings no headers: those of the answer before it must not hold everything again."""

    async def once(request: Request, attempt: int) -> Reply:
        if request.dialog_id == "d0":
            teacher.limits = RateLimits(0, None, 0.01, None)
        return REPLY

    teacher = Teacher(once)
    _, sender = await send(teacher, 20, LiveLimits(1))
    assert sender.pause_s == 0


async def test_fixed_limits_pace_the_sending() -> None:
    sent: list[float] = []

    async def noting(request: Request, attempt: int) -> Reply:
        sent.append(asyncio.get_running_loop().time())
        return REPLY

    await send(Teacher(noting), 11, LiveLimits(64, requests_per_minute=1200))
    assert sent[-1] - sent[0] >= 0.5 - 0.01


def test_a_pace_is_exact_and_takes_any_amount() -> None:
    pace = RateLimiter(600)
    assert [pace.reserve(1, 100.0) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    assert pace.reserve(5000, 100.0) == pytest.approx(0.3)
    assert pace.reserve(1, 100.0) == pytest.approx(500.3)
    pace.settle(-4990)
    assert pace.reserve(1, 100.0) == pytest.approx(1.4)
    assert pace.reserve(1, 1000.0) == 0
