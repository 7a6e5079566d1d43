"""Waiting has a reason and an end, and both are shown."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.jobs.job import Job
from core.store import intents
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.protocol import RateLimits, RejectedError, Reply, Request, TransientError
from tests import loopback
from tests.loopback import Api
from tests.support.servers.scripted_server import HttpReply, HttpRequest, Server, serving
from tests.support.workspaces.teacher_workspace import TeacherWorkspace
from tests.teachers.live.test_live import REPLY, Teacher, at_once, requests, send
from tui.format.jobs import waits

NAIVE = "generate:improve-human/naive"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without its waiting."""
    monkeypatch.setattr("core.teachers.live.retries._MAX_WAIT_S", 0.0)


def throttled(retry_after: float | None = None) -> TransientError:
    return TransientError("429: slow down", code="429", throttled=True, retry_after=retry_after)


def unreachable() -> TransientError:
    return TransientError("no server listens", code="connection", unreachable=True)


@pytest.mark.parametrize(
    ("error", "words"),
    [(throttled(), "rate limited"), (throttled(10**9), "rate limited"), (unreachable(), "cannot be reached")],
    ids=str,
)
@pytest.mark.usefixtures("no_wait")
async def test_a_server_that_never_answers_is_given_up_as_what_it_is(
    error: TransientError, words: str
) -> None:
    async def refuse(request: Request, attempt: int) -> Reply:
        raise error

    with pytest.raises(RejectedError, match=f"{words} for .* longer than max_wait_s") as caught:
        await send(Teacher(refuse), 3, LiveLimits(2, call_tries=10**6, max_wait_s=0.2))
    assert caught.value.fatal


@pytest.mark.usefixtures("no_wait")
async def test_an_outage_costs_no_try_of_a_server_that_has_answered() -> None:
    async def answer(request: Request, attempt: int) -> Reply:
        await asyncio.sleep(0)
        if request.key != f"{0:032x}" and attempt < 50:
            raise unreachable()
        return REPLY

    ledger, _ = await send(Teacher(answer), 8, LiveLimits(1, call_tries=2))
    assert len(ledger.replies) == 8
    assert not ledger.failures


@pytest.mark.usefixtures("no_wait")
async def test_a_server_that_never_was_there_is_given_up_after_the_tries() -> None:
    async def refuse(request: Request, attempt: int) -> Reply:
        raise unreachable()

    ledger, _ = await send(Teacher(refuse), 2, LiveLimits(1, call_tries=3))
    assert [tries for _, tries in ledger.failures.values()] == [3, 3]


@pytest.mark.usefixtures("no_wait")
async def test_answers_that_were_lost_are_counted() -> None:
    async def lose(request: Request, attempt: int) -> Reply:
        if attempt < 3:
            raise TransientError("cut", code="connection", may_be_charged=True)
        return REPLY

    lost: list[int] = []
    sender = Sender(Teacher(lose), LiveLimits(1), threading.Event())
    await sender.send(requests(2), lambda *found: lost.append(found[2]), lambda *found: None)
    assert lost == [2, 2]


async def test_a_long_pause_is_bounded_and_has_a_reason_and_an_end() -> None:
    asked = asyncio.Event()

    async def refuse(request: Request, attempt: int) -> Reply:
        asked.set()
        raise throttled(retry_after=86_400.0 * 3)

    stop = threading.Event()
    sender = Sender(Teacher(refuse), LiveLimits(1, max_wait_s=7200), stop)
    sending = asyncio.create_task(sender.send(requests(1), lambda *found: None, lambda *found: None))
    await asked.wait()
    while (trouble := sender.trouble) is None:
        await asyncio.sleep(0)
    assert trouble.reason == "rate limited: 429: slow down"
    assert trouble.until is not None
    assert 0 < trouble.until - time.time() <= 300
    assert trouble.gives_up_at == pytest.approx(trouble.since + 7200, abs=0.2)
    stop.set()
    await sending


async def test_a_server_that_does_not_answer_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.teachers.live.sender._HANGS_FROM_S", 0.0)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hang(request: Request, attempt: int) -> Reply:
        asked.set()
        await go_on.wait()
        return REPLY

    began = time.time()
    sender = Sender(Teacher(hang), LiveLimits(1), threading.Event())
    sending = asyncio.create_task(sender.send(requests(1), lambda *found: None, lambda *found: None))
    await asked.wait()
    trouble = sender.trouble
    assert trouble is not None
    assert trouble.reason == "the server has not answered yet: 1 requests are in flight"
    assert trouble.since >= began - 1
    go_on.set()
    await sending
    assert sender.trouble is None


async def test_headers_that_are_disproved_pause_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.teachers.live.sender._MAX_PAUSE_S", 0.01)

    async def answer(request: Request, attempt: int) -> Reply:
        teacher.limits = RateLimits(remaining_requests=0, reset_requests_s=86_400.0)
        return REPLY

    teacher = Teacher(answer)
    ledger, sender = await send(teacher, 5, LiveLimits(1))
    assert len(ledger.replies) == 5
    assert sender.pause_s == 0


async def test_a_limit_that_is_used_up_is_a_reason_too() -> None:
    teacher = Teacher(answer=at_once)
    teacher.limits = RateLimits(remaining_requests=0, reset_requests_s=3600.0)
    stop = threading.Event()
    sender = Sender(teacher, LiveLimits(1), stop)
    sending = asyncio.create_task(sender.send(requests(2), lambda *found: None, lambda *found: None))
    while (trouble := sender.trouble) is None:
        await asyncio.sleep(0)
    assert trouble.reason == "rate limited: the provider's limit is used up"
    assert trouble.until is not None
    assert trouble.since < trouble.until <= trouble.since + 300
    assert trouble.gives_up_at is None
    stop.set()
    await sending


def test_a_429_is_shown_while_it_lasts_and_progress_catches_up(tmp_path: Path, api: Api) -> None:
    api.faults.retry_after = "4"
    study = TeacherWorkspace(tmp_path, api.url, mode="live", teacher="max_concurrency = 1")
    answered = api.complete

    def five_and_no_more(body: dict[str, object]) -> dict[str, object]:
        if sum(api.paid.values()) == 5 and api.faults.latency_s == 0:
            api.faults.throttle, api.faults.latency_s = 1, 0.001
        return answered(body)

    api.complete = five_and_no_more  # type: ignore[method-assign]
    study.ask(intents.Start(("recipe",)))
    supervisor = study.supervise()
    try:
        study.until(lambda: job(study).wait is not None and job(study).done == 5, supervisor)
        waiting = job(study).wait
        assert waiting is not None
        assert waiting.reason.startswith("rate limited: 429: rate_limit_exceeded: Rate limit reached")
        assert waiting.until is not None
        assert waiting.gives_up_at is not None
        assert waiting.since < waiting.until < waiting.gives_up_at
        words = waits.words(waiting, waiting.since + 1)
        assert words.startswith("waits since ")
        assert "tries again at " in words
        assert "gives up at " in words
        assert study.wait(supervisor) == 0
    finally:
        supervisor.kill()
    assert job(study).state == "done", study.story()
    assert job(study).wait is None
    assert "waiting: rate limited" in study.story()


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_a_429_that_never_clears_fails_as_what_it_is(tmp_path: Path, mode: str) -> None:
    def refuse(asked: HttpRequest) -> HttpReply:
        # A moment in Unix time, months away.
        return HttpReply({"error": {"message": "slow down"}}, 429, {"Retry-After": str(time.time() + 10**7)})

    with serving(refuse) as server:
        study = TeacherWorkspace(tmp_path, server.url, mode=mode, teacher="max_wait_s = 0.5")
        study.run()
        assert job(study).state == "failed"
        assert "rate limited for" in study.error(NAIVE)
        assert "max_wait_s" in study.error(NAIVE)
        assert "slow down" in study.error(NAIVE)


def test_a_dead_server_keeps_what_it_answered_before(tmp_path: Path, server: Server) -> None:
    settings = "max_wait_s = 0.2\nmax_concurrency = 1"
    study = TeacherWorkspace(tmp_path, server.url, mode="live", teacher=settings)
    study.run()
    assert job(study).state == "failed"
    assert "the server cannot be reached for" in study.error(NAIVE)
    assert study.query("SELECT count(*) FROM answers WHERE outcome = 'ok'") == [(3,)]


@pytest.fixture
def server() -> Iterator[Server]:
    """Answers three requests, then only its gateway does."""
    body = {
        "choices": [{"message": {"content": "I am here for you."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
    with serving(lambda asked: HttpReply(b"")) as found:
        found.answer = lambda asked: HttpReply(body) if len(found.requests) <= 3 else HttpReply(b"", 503)
        yield found


def job(study: TeacherWorkspace) -> Job:
    workspace = study.open()
    try:
        return next(job for job in workspace.pipeline.snapshot().jobs if f"{job.stage}:{job.name}" == NAIVE)
    finally:
        workspace.close()
