"""Attempts that ran, were cancelled or preempted when the store was lost are there as they were."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from core.domain.errors import UserError
from core.domain.jobs.job import LOCAL
from core.pipeline.engines import remote
from core.pipeline.rebuilding import rebuild
from core.pipeline.supervision import intent_handlers, job_starter
from core.store import connections, intents
from core.store.connections import transaction
from tests.pipeline.rebuilding.lost_store import lose, store_rows

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

RECIPE = "recipe:direct/chatgpt"


def _rebuild_the_same(supervised: SupervisedWorkspace) -> None:
    before = store_rows(supervised)
    lose(supervised)
    rebuild.rebuild(supervised.workspace)
    after = store_rows(supervised)
    for table in ("jobs", "attempts"):
        assert after[table] == before[table], table


def test_what_runs_goes_on(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    first = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    with pytest.raises(UserError, match=r"a supervisor is running.*`kill \d+`"):
        rebuild.rebuild(supervised.workspace)
    first.kill()
    first.wait()
    lose(supervised)
    rebuild.rebuild(supervised.workspace)
    assert supervised.attempts(RECIPE) == [(1, "running")]
    second = supervised.supervise()
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(second) == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "done")]
    assert set(supervised.steps().values()) == {1}


@pytest.mark.parametrize("is_alive", [True, False])
def test_what_was_cancelled_stays_so(supervised: SupervisedWorkspace, is_alive: bool) -> None:
    """Even if the file that asks its worker to stop was not written."""
    supervised.kill_supervisor_during(RECIPE)
    with closing(connections.writer(supervised.workspace.state)) as connection, transaction(connection):
        cancel = intents.Cancel(supervised.id(RECIPE))
        intent_handlers.carry_out(connection, supervised.workspace, cancel)
    if not is_alive:
        for worker in supervised.workers():
            worker.kill()
            worker.wait()
    lose(supervised)
    rebuild.rebuild(supervised.workspace)
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "cancelled")]
    assert supervised.states() == {RECIPE: "cancelled"}
    # Another attempt is not.
    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Retry(supervised.id(RECIPE)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "cancelled"), (2, "done")]


def test_what_was_preempted_is_requested_as_it_was(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE], preempt={RECIPE: [0]})
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    supervised.answer(supervised.ask(intents.Pause()))
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "ready"}
    supervised.ask(intents.Start(targets=("recipe",), engine=LOCAL))
    assert supervised.finish() == 0, supervised.story()
    _rebuild_the_same(supervised)
    supervised.ask(intents.Resume())
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "preempted"), (2, "done")]


def test_what_failed_for_being_preempted_can_be_retried(supervised: SupervisedWorkspace) -> None:
    count = job_starter.MAX_PREEMPTED
    supervised.set_plan(preempt={RECIPE: [0] * count})
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE)[-2:] == [(count - 1, "preempted"), (count, "failed")]
    supervised.ask(intents.Pause())
    supervised.ask(intents.Retry(supervised.id(RECIPE)))
    assert supervised.finish() == 0, supervised.story()
    # A cluster may not have said yet that it has ended.
    (supervised.workspace.attempt(supervised.id(RECIPE), count) / remote.ID).touch()
    _rebuild_the_same(supervised)
    supervised.ask(intents.Resume())
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(RECIPE)[-2:] == [(count, "failed"), (count + 1, "done")]
