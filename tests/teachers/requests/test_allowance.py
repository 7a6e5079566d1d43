"""What live calls in flight may cost together."""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import dataclass, field

import pytest

from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.protocol import RejectedError, Reply, Request, TransientError
from core.teachers.requests.allowance import Allowance
from tests.teachers.live.test_live import REPLY, Teacher, requests

_EXPECTED, _MAX = 1.0, 4.0


@dataclass
class _Session:
    """Calls that cost what is given, answered in any order, some of them after a 429."""

    costs: list[float]
    lost_share: float = 0.0
    """Share of the calls whose answers are lost, and count as their estimate."""
    spent: list[float] = field(default_factory=list)
    alone: int = 0
    """Answers before which no other call was in flight."""

    def run(self, usd: float, draw: random.Random, *, is_known: bool = True) -> None:
        allowance = Allowance(usd, _EXPECTED, _MAX, is_known=is_known)
        wanted = requests(len(self.costs))
        cost_of = {request.key: cost for request, cost in zip(wanted, self.costs, strict=True)}

        async def answer(request: Request, attempt: int) -> Reply:
            for _ in range(draw.randrange(20, 40)):
                await asyncio.sleep(0)
            if attempt == 1 and draw.random() < 0.2:
                raise TransientError("slow down", code="429", throttled=True)
            if draw.random() < self.lost_share:
                self.spent.append(_EXPECTED)
                raise TransientError("no answer", code="timeout", may_be_charged=True)
            return REPLY

        def on_reply(request: Request, reply: Reply, lost: int) -> None:
            self.alone += teacher.maximum == 1
            self.spent.append(cost_of[request.key])
            allowance.spend(request, self.spent[-1] + lost * _EXPECTED)

        def on_failure(
            request: Request, error: TransientError | RejectedError, tries: int, lost: int
        ) -> None:
            allowance.spend(request, lost * _EXPECTED)

        teacher = Teacher(answer)
        sender = Sender(teacher, LiveLimits(8), threading.Event())
        asyncio.run(sender.send(wanted, on_reply, on_failure, allowance=allowance))


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without its waiting."""
    monkeypatch.setattr("core.teachers.live.retries._MAX_WAIT_S", 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_calls_cost_no_more_than_one_of_them_beyond_the_allowance(seed: int) -> None:
    draw = random.Random(seed)
    usd = draw.uniform(_EXPECTED, 60.0)
    session = _Session([draw.uniform(0.0, _MAX) for _ in range(40)])
    session.run(usd, draw)
    assert sum(session.spent) <= usd + _MAX - _EXPECTED
    # It goes on as long as there is room for the estimate of one.
    assert len(session.spent) == 40 or sum(session.spent) > usd - _EXPECTED


@pytest.mark.parametrize("lost_share", [0.3, 1.0])
def test_calls_whose_answers_are_lost_keep_to_the_allowance(lost_share: float) -> None:
    draw = random.Random(2)
    session = _Session([_MAX] * 40, lost_share)
    session.run(50.0, draw)
    assert 50.0 - _EXPECTED < sum(session.spent) <= 50.0 + _MAX - _EXPECTED


def test_calls_that_fit_are_all_sent() -> None:
    session = _Session([_MAX] * 40)
    session.run(40 * _MAX, random.Random(0))
    assert len(session.spent) == 40


def test_a_server_that_charges_beyond_the_limit_is_met_once() -> None:
    session = _Session([5 * _MAX] * 40)
    session.run(9.5 * _MAX, random.Random(1), is_known=False)
    assert session.alone >= 1
    assert sum(session.spent) == 10 * _MAX
