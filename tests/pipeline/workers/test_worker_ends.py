"""How workers end: cancelled, killed, lost, or longer than their jobs; and how often a job is tried again."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from core.domain.jobs.events import CancelOutcome
from core.jobs import journal, processes
from core.jobs.records import Stopped
from core.pipeline.engines.engines import Engines
from core.pipeline.engines.local import LocalEngine
from core.pipeline.supervision.supervisor import Supervisor
from core.store import connections, intents

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace
RECIPE = "recipe:direct/chatgpt"
JUDGE = "judge:embedded"
RESPOND = "respond:tiny"
SFT = "sft:tiny/direct/chatgpt/sft"
DPO = "sft-dpo:tiny/direct/chatgpt/sft-dpo"


def test_cancel_stops_a_running_job_and_keeps_what_it_has(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(
        intents.Start(
            targets=(
                "recipe",
                "sft",
            )
        )
    )
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    running = supervised.answer(supervised.ask(intents.Cancel(job=supervised.id(RECIPE))))
    waiting = supervised.answer(supervised.ask(intents.Cancel(job=supervised.id(SFT))))
    assert (running.outcome, waiting.outcome) == (CancelOutcome("running"), CancelOutcome("waiting"))
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "cancelled", SFT: "cancelled"}
    assert supervised.attempts(RECIPE) == [(1, "cancelled")]
    assert supervised.attempts(SFT) == []

    (supervised.workspace.root / "go").touch()
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0
    assert supervised.states() == {RECIPE: "done", SFT: "done"}


def test_cancel_reaches_a_worker_that_another_supervisor_started(supervised: SupervisedWorkspace) -> None:
    supervised.kill_supervisor_during(RECIPE)
    supervised.ask(intents.Cancel(job=supervised.id(RECIPE)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states() == {RECIPE: "cancelled"}
    assert supervised.workers() == []


def test_a_worker_that_does_not_listen_is_killed(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE], deaf=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise(grace_s=0.3)
    supervised.until(lambda: bool(supervised.notes()))
    supervised.ask(intents.Cancel(job=supervised.id(RECIPE)))
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "cancelled"}
    assert supervised.workers() == []


def test_a_clock_that_jumps_leaves_a_worker_its_time_to_stop(supervised: SupervisedWorkspace) -> None:
    """By the clock it was cancelled decades ago, and would be killed at once."""
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    with closing(connections.writer(supervised.workspace.state)) as connection:
        connection.execute("UPDATE attempts SET cancel_at = 1.0 WHERE state = 'running'")
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "cancelled"}
    *_, (last, _) = journal.read(supervised.workspace.attempt(supervised.id(RECIPE), 1))
    assert isinstance(last.record, Stopped)


@pytest.mark.parametrize("signal_number", processes.GIVE_BACK)
def test_a_worker_that_gives_its_slot_back_is_not_cancelled(
    supervised: SupervisedWorkspace, signal_number: signal.Signals
) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    (worker,) = supervised.workers()
    worker.send_signal(signal_number)
    supervised.until(lambda: len(supervised.attempts(RECIPE)) == 2)
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.attempts(RECIPE) == [(1, "preempted"), (2, "done")]
    assert supervised.error(RECIPE) is None


def test_giving_a_slot_back_neither_adds_to_deaths_nor_forgets_them(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(die={RECIPE: [1, 1, 9, 1, 1, 1]}, preempt={RECIPE: [9, 9, 1]})
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert [state for _, state in supervised.attempts(RECIPE)] == [
        *("lost", "lost", "preempted", "lost", "lost", "failed")
    ]


def test_a_worker_that_got_the_signal_before_it_could_listen_has_not_failed(
    supervised: SupervisedWorkspace,
) -> None:
    supervised.set_plan(preempt={RECIPE: [1] * 9}, unprepared=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert [state for _, state in supervised.attempts(RECIPE)] == ["preempted"] * 9 + ["done"]


def test_a_worker_that_stays_after_its_job_is_sent_away(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(linger=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish(grace_s=0.3) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "done"}
    assert supervised.workers() == []


def test_a_lingering_worker_is_known_to_the_next_supervisor(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(linger=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    first = supervised.supervise()
    supervised.until_state(RECIPE, "done")
    first.kill()
    first.wait()
    assert len(supervised.workers()) == 1
    assert supervised.finish(grace_s=0.3) == 0
    assert supervised.workers() == []


def test_a_job_that_dies_without_progress_fails_in_the_end(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(die={RECIPE: [1] * 9})
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert [state for _, state in supervised.attempts(RECIPE)] == ["lost"] * 4 + ["failed"]
    error = supervised.error(RECIPE)
    assert error is not None
    assert "by SIGKILL (out of memory?)" in error
    assert "/5/log.txt" in error

    supervised.ask(intents.Retry(job=supervised.id(RECIPE)))
    assert supervised.finish() == 0
    assert [state for _, state in supervised.attempts(RECIPE)][5:] == ["lost"] * 4 + ["done"]


def test_a_job_that_gets_further_may_die_more_often(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(steps=8, die={RECIPE: [1, 2, 3, 4, 5, 6, 7]})
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert [state for _, state in supervised.attempts(RECIPE)] == ["lost"] * 7 + ["done"]


def test_an_exit_without_an_ending_is_a_loss(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(exit=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert "with exit code 7" in str(supervised.error(RECIPE))


def test_a_damaged_journal_fails_the_attempt_and_ends_its_worker(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(damage=[RECIPE], hold=[RECIPE], deaf=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert "journal.jsonl, line 2, is damaged" in str(supervised.error(RECIPE))
    assert supervised.query("SELECT seq FROM attempts") == [(1,)]
    assert supervised.workers() == []


def test_a_worker_that_cannot_be_started_fails_its_job(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = Supervisor(
        supervised.workspace,
        Engines(supervised.workspace, LocalEngine(supervised.workspace, ["/there/is/no/such/program"])),
    )
    while supervisor.tick():
        pass
    supervisor.connection.close()
    assert supervised.states() == {RECIPE: "failed"}
    assert "could not be started" in str(supervised.error(RECIPE))
    assert supervised.attempts(RECIPE) == [(1, "failed")]
