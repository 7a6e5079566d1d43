"""The playground leaves before a job starts in its slot, and says why; others it does not concern."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from core.domain.states import Slot
from core.jobs import locks
from core.playground import messages, process
from core.playground.messages import Left
from core.store import intents
from tests.support import waiting

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

#: A light job in the slot for the CPU.
RECIPE = intents.Start(targets=("recipe",))


@pytest.fixture
def place(supervised: SupervisedWorkspace) -> Iterator[SupervisedWorkspace]:
    yield supervised
    found = process.running(supervised.workspace)
    if found is not None:
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)


def started(place: SupervisedWorkspace, slot: Slot) -> list[messages.ProcessEvent]:
    """A playground in a slot; what its client hears, until it ends."""
    connection = process.connect(place.workspace, slot, threading.Event(), {})
    assert connection is not None
    heard: list[messages.ProcessEvent] = []

    def listen() -> None:
        # A process that is killed resets the connection.
        with suppress(OSError):
            heard.extend(messages.events(connection))

    threading.Thread(target=listen, daemon=True).start()
    return heard


def test_a_job_in_its_slot_gets_the_memory(place: SupervisedWorkspace) -> None:
    heard = started(place, "cpu")
    place.ask(RECIPE)
    assert place.finish() == 0, place.story()
    assert set(place.states().values()) == {"done"}
    waiting.wait_until(lambda: heard, "the playground to say why it has left")
    (left,) = heard
    assert isinstance(left, Left)
    assert left.reason == "it has freed its memory for recipe direct/chatgpt"
    assert process.last_end(place.workspace) == left.reason
    assert not locks.is_held(process.lock_file(place.workspace))


def test_a_job_in_another_slot_lets_it_be(place: SupervisedWorkspace) -> None:
    heard = started(place, "gpu")
    place.ask(RECIPE)
    assert place.finish() == 0, place.story()
    assert process.running(place.workspace) is not None
    assert not heard


def test_one_that_does_not_leave_is_killed(
    place: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(place, "cpu")
    found = process.running(place.workspace)
    assert found is not None
    os.kill(found.pid, signal.SIGSTOP)
    place.ask(RECIPE)
    assert place.finish(grace_s=0.2) == 0, place.story()
    assert set(place.states().values()) == {"done"}


def test_one_in_another_slot_is_replaced(place: SupervisedWorkspace) -> None:
    started(place, "gpu")
    before = process.running(place.workspace)
    heard = started(place, "cpu")
    after = process.running(place.workspace)
    assert before is not None
    assert after is not None
    assert (before.slot, after.slot) == ("gpu", "cpu")
    assert before.pid != after.pid
    assert not heard
