"""The garbage collector of a process with the app: it waits for a moment in which nobody does."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from core.config.workspace import WorkspacePaths
from tests.tui.conftest import Open
from tui.runtime import garbage_collector


class Cycle:
    """Garbage, once nothing else holds it."""

    def __init__(self) -> None:
        self.own = self


def old_garbage() -> weakref.ref[Cycle]:
    """Garbage that only a full collection finds."""
    made = Cycle()
    gc.collect()
    return weakref.ref(made)


@pytest.fixture
def held() -> Iterator[None]:
    before = gc.get_threshold()
    garbage_collector.hold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
    gc.enable()


def test_what_the_start_has_loaded_is_left_out(held: None) -> None:
    assert not gc.isenabled()
    garbage_collector.sweep()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_a_full_collection_waits_for_a_calm_moment(held: None, monkeypatch: pytest.MonkeyPatch) -> None:
    garbage_collector.sweep()
    monkeypatch.setattr(garbage_collector, "_DUE", -1)
    left = old_garbage()
    garbage_collector.touch()
    garbage_collector.sweep()
    assert left() is not None
    monkeypatch.setattr(garbage_collector, "_CALM_S", 0.0)
    garbage_collector.sweep()
    assert left() is None


def test_a_full_collection_rests_for_a_hundred_times_as_long_as_it_took(
    held: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage_collector, "_DUE", -1)
    monkeypatch.setattr(garbage_collector, "_touched_at", 0.0)
    now, seconds = 1000.0, iter((0.0, 1.0, 0.0, 0.0))
    clock = SimpleNamespace(monotonic=lambda: now, thread_time=lambda: next(seconds))
    monkeypatch.setattr(garbage_collector, "time", clock)
    garbage_collector.sweep()
    left = old_garbage()
    now = 1099.0
    garbage_collector.sweep()
    assert left() is not None
    now = 1100.0
    garbage_collector.sweep()
    assert left() is None


def test_what_is_long_overdue_waits_no_more(held: None, monkeypatch: pytest.MonkeyPatch) -> None:
    garbage_collector.sweep()
    monkeypatch.setattr(garbage_collector, "_OVERDUE", -1)
    left = old_garbage()
    garbage_collector.touch()
    garbage_collector.sweep()
    assert left() is None


def test_a_process_that_did_not_begin_so_keeps_its_ways() -> None:
    before = gc.get_threshold()
    garbage_collector.sweep()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


async def test_a_key_postpones_it(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[None] = []
    monkeypatch.setattr(garbage_collector, "touch", lambda: touched.append(None))
    async with opened(filled) as pilot:
        await pilot.press("2")
        assert touched
