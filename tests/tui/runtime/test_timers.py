"""A timer that is overdue as soon as it starts fires all the same."""

from __future__ import annotations

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest
from textual.app import App

from tests.support.settling import until
from tui.runtime import timers


async def test_a_process_that_was_held_up_calls_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    app: App[None] = App()
    async with app.run_test() as pilot:
        seconds = count()
        held_up = SimpleNamespace(get_time=lambda: float(next(seconds)), sleep=asyncio.sleep)
        monkeypatch.setattr("textual.timer._time", held_up)
        app.set_timer(0.5, lambda: called.append("skipped by Textual"))
        timers.call_after(app, 0.5, lambda: called.append("called"))
        await until(pilot, lambda: bool(called))
    assert called == ["called"]
