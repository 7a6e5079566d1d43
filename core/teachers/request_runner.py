"""The one way to get what a desk wants: in batches, live, or from a local model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from core.config.schema import Price, Teacher
from core.jobs.context import Job
from core.jobs.journal import Outcome
from core.teachers.ledger import Ledger
from core.teachers.protocol import Reply, Request
from core.teachers.request_queue import Desk


def teacher_of(settings: Mapping[str, Any]) -> Teacher:
    """The teacher, or the judge, that a job of these settings asks."""
    return msgspec.convert(settings["reach"]["teacher"], Teacher)


def price_of(settings: Mapping[str, Any]) -> Price | None:
    """What it costs, where that is known."""
    price = settings["reach"]["price"]
    return None if price is None else msgspec.convert(price, Price)


def ask(job: Job, asked: Sequence[Request], usable: Callable[[Reply], tuple[Outcome, str]]) -> Desk:
    """Ask until nothing of `asked` is left to send or to try; the desk that holds the answers.

    `usable` says what of a reply can be used, and as what. Raises `UserError` when the teacher cannot be
    asked, or the budget does not allow for more.
    """
    settings = job.settings
    budget_usd = settings["reach"]["budget_usd"]
    ledger = Ledger(job.folder.parents[1])
    desk = Desk(job, ledger, teacher_of(settings), price_of(settings), budget_usd, asked, usable)
    desk.begin()
    match desk.teacher.provider, desk.teacher.mode:
        case "local", _:
            from core.teachers import local

            local.ask(desk, settings["device"], settings["dtype"])
        case _, "batch":
            from core.teachers import batches

            batches.ask(desk)
        case _:
            from core.teachers import live_sessions

            live_sessions.ask(desk)
    ledger.refresh()
    return desk
