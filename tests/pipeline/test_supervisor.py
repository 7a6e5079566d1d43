"""What the supervisor decides: order, slots, cancel, retry, pause, failure, and its own coming and going."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from core.domain.events import CancelOutcome, RetryOutcome, StartOutcome
from core.pipeline import launch
from core.pipeline.supervisor import Supervisor
from core.store import connections, intents

if TYPE_CHECKING:
    from tests.pipeline.conftest import House

RECIPE = "recipe:direct/chatgpt"
JUDGE = "judge:embedded"
RESPOND = "respond:tiny"
SFT = "sft:tiny/direct/chatgpt/sft"
DPO = "sft-dpo:tiny/direct/chatgpt/sft-dpo"


def test_dependencies_come_first_and_slots_are_kept(house: House) -> None:
    house.ask(intents.Start())
    assert house.finish() == 0, house.story()
    assert set(house.states().values()) == {"done"}
    ended: set[str] = set()
    running = most = 0
    needs = dict(house.query("SELECT id, depends_on FROM jobs"))
    for _, job, _, what in house.notes():
        if what == "begin":
            running += 1
            assert all(other in ended for other in needs if other in needs[job])
        elif what == "end":
            running -= 1
            ended.add(job)
        most = max(most, running)
    assert most <= 2


def test_one_slot_means_one_at_a_time(house: House) -> None:
    text = house.workspace.config.read_text()
    house.workspace.config.write_text(text.replace("cpu = 2", "cpu = 1"))
    house.ask(
        intents.Start(
            targets=(
                "judge",
                "respond:tiny",
                "recipe",
            )
        )
    )
    assert house.finish() == 0, house.story()
    whats = [what for _, _, _, what in house.notes() if what in ("begin", "end")]
    assert whats == ["begin", "end"] * 3


def test_what_is_done_is_not_done_again(house: House) -> None:
    first = house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    again = house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    assert house.outcome(first).outcome == StartOutcome((house.id(JUDGE),), 1, ())
    assert house.outcome(again).outcome == StartOutcome((house.id(JUDGE),), 0, (house.id(JUDGE),))
    assert house.attempts(JUDGE) == [(1, "done")]


def test_a_target_that_does_not_exist_is_refused(house: House) -> None:
    intent = house.ask(intents.Start(targets=("sfd",)))
    assert house.finish() == 0
    outcome = house.outcome(intent)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert "'sfd'" in outcome.error
    assert "sft" in outcome.error


def test_an_intent_that_nobody_foresaw_fails_alone(house: House) -> None:
    with closing(connections.writer(house.workspace.state)) as connection:
        odd = connection.execute(
            "INSERT INTO intents (kind, payload, created_at)"
            """ VALUES ('start', '{"kind": "start", "nonsense": true}', 1)"""
        ).lastrowid
    assert odd is not None
    good = house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0, house.story()
    assert house.outcome(odd).state == "failed"
    assert house.outcome(odd).error == f"intent {odd}, start: Object contains unknown field `nonsense`"
    assert house.outcome(good).state == "done"
    assert house.states() == {JUDGE: "done"}


def test_a_failure_blocks_what_needs_it_and_nothing_else(house: House) -> None:
    house.room(fail=[SFT])
    house.ask(intents.Start())
    assert house.finish() == 0, house.story()
    states = house.states()
    assert house.error(SFT) == f"{SFT} cannot be done: no key"
    blocked = {name for name in states if "sft" in name} - {SFT}
    assert {name: states[name] for name in blocked} == dict.fromkeys(blocked, "waiting")
    assert {states[name] for name in (RECIPE, JUDGE, RESPOND)} == {"done"}
    assert house.attempts(SFT) == [(1, "failed")]

    house.room()
    comparison = next(name for name in states if name.startswith("compare"))
    retry = house.ask(intents.Retry(job=house.id(comparison)))
    assert house.finish() == 0, house.story()
    assert house.outcome(retry).outcome == RetryOutcome((house.id(SFT),))
    assert set(house.states().values()) == {"done"}
    assert house.error(SFT) is None
    assert house.attempts(SFT) == [(1, "failed"), (2, "done")]


def test_asking_again_tries_what_failed_again(house: House) -> None:
    house.room(fail=[JUDGE])
    house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    assert house.states() == {JUDGE: "failed"}
    house.room()
    house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    assert house.states() == {JUDGE: "done"}


def test_what_only_watches_reaches_a_job_that_is_tried_again(house: House) -> None:
    house.room(fail=[SFT])
    house.ask(intents.Start(targets=("sft",)))
    assert house.finish() == 0
    with house.workspace.config.open("a") as file:
        file.write("[sft]\nsave_steps = 7\n")
    house.room()
    house.ask(intents.Start(targets=("sft",)))
    assert house.finish() == 0
    assert house.attempts(SFT) == [(1, "failed"), (2, "done")]
    spec = house.workspace.attempt(house.id(SFT), 2) / "spec.json"
    assert '"save_steps": 7' in spec.read_text()


def test_retry_of_what_did_not_fail_is_refused(house: House) -> None:
    house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    done = house.ask(intents.Retry(job=house.id(JUDGE)))
    unknown = house.ask(intents.Retry(job="judge-0"))
    cancel = house.ask(intents.Cancel(job=house.id(JUDGE)))
    assert house.finish() == 0
    assert [house.outcome(intent).state for intent in (done, unknown, cancel)] == ["failed"] * 3
    assert house.attempts(JUDGE) == [(1, "done")]


def test_cancel_stops_a_running_job_and_keeps_what_it_has(house: House) -> None:
    house.room(hold=[RECIPE])
    house.ask(
        intents.Start(
            targets=(
                "recipe",
                "sft",
            )
        )
    )
    supervisor = house.supervise()
    house.until(lambda: bool(house.notes()))
    running = house.answer(house.ask(intents.Cancel(job=house.id(RECIPE))))
    waiting = house.answer(house.ask(intents.Cancel(job=house.id(SFT))))
    assert (running.outcome, waiting.outcome) == (CancelOutcome("running"), CancelOutcome("waiting"))
    assert house.wait(supervisor) == 0, house.story()
    assert house.states() == {RECIPE: "cancelled", SFT: "cancelled"}
    assert house.attempts(RECIPE) == [(1, "cancelled")]
    assert house.attempts(SFT) == []

    (house.workspace.root / "go").touch()
    house.ask(intents.Start(targets=("sft",)))
    assert house.finish() == 0
    assert house.states() == {RECIPE: "done", SFT: "done"}


def test_cancel_reaches_a_worker_that_another_supervisor_started(house: House) -> None:
    house.room(hold=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    first = house.supervise()
    house.until(lambda: bool(house.notes()))
    first.kill()
    first.wait()
    house.ask(intents.Cancel(job=house.id(RECIPE)))
    assert house.finish() == 0, house.story()
    assert house.states() == {RECIPE: "cancelled"}
    assert house.workers() == []


def test_a_worker_that_does_not_listen_is_killed(house: House) -> None:
    house.room(hold=[RECIPE], deaf=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    supervisor = house.supervise(grace_s=0.3)
    house.until(lambda: bool(house.notes()))
    house.ask(intents.Cancel(job=house.id(RECIPE)))
    assert house.wait(supervisor) == 0, house.story()
    assert house.states() == {RECIPE: "cancelled"}
    assert house.workers() == []


def test_a_worker_stopped_by_somebody_else_is_not_cancelled(house: House) -> None:
    house.room(hold=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    supervisor = house.supervise()
    house.until(lambda: bool(house.notes()))
    (worker,) = house.workers()
    worker.send_signal(signal.SIGTERM)
    house.until(lambda: len(house.attempts(RECIPE)) == 2)
    (house.workspace.root / "go").touch()
    assert house.wait(supervisor) == 0, house.story()
    assert house.attempts(RECIPE) == [(1, "lost"), (2, "done")]


def test_a_worker_that_stays_after_its_job_is_sent_away(house: House) -> None:
    house.room(linger=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish(grace_s=0.3) == 0, house.story()
    assert house.states() == {RECIPE: "done"}
    assert house.workers() == []


def test_a_lingering_worker_is_known_to_the_next_supervisor(house: House) -> None:
    house.room(linger=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    first = house.supervise()
    house.until_state(RECIPE, "done")
    first.kill()
    first.wait()
    assert len(house.workers()) == 1
    assert house.finish(grace_s=0.3) == 0
    assert house.workers() == []


def test_a_job_that_dies_without_progress_fails_in_the_end(house: House) -> None:
    house.room(die={RECIPE: [1] * 9})
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0, house.story()
    assert [state for _, state in house.attempts(RECIPE)] == ["lost"] * 4 + ["failed"]
    error = house.error(RECIPE)
    assert error is not None
    assert "by SIGKILL (out of memory?)" in error
    assert "/5/log.txt" in error

    house.ask(intents.Retry(job=house.id(RECIPE)))
    assert house.finish() == 0
    assert [state for _, state in house.attempts(RECIPE)][5:] == ["lost"] * 4 + ["done"]


def test_a_job_that_gets_further_may_die_more_often(house: House) -> None:
    house.room(steps=8, die={RECIPE: [1, 2, 3, 4, 5, 6, 7]})
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0, house.story()
    assert [state for _, state in house.attempts(RECIPE)] == ["lost"] * 7 + ["done"]


def test_an_exit_without_an_ending_is_a_loss(house: House) -> None:
    house.room(exit=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0, house.story()
    assert "with exit code 7" in str(house.error(RECIPE))


def test_a_damaged_journal_fails_the_attempt_and_ends_its_worker(house: House) -> None:
    house.room(damage=[RECIPE], hold=[RECIPE], deaf=[RECIPE])
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0, house.story()
    assert "the journal is damaged" in str(house.error(RECIPE))
    assert house.query("SELECT seq FROM attempts") == [(1,)]
    assert house.workers() == []


def test_pause_starts_nothing_and_resume_goes_on(house: House) -> None:
    house.room(hold=[RECIPE])
    house.ask(intents.Start(targets=("sft",)))
    supervisor = house.supervise(idle_s=0.1)
    house.until(lambda: bool(house.notes()))
    house.answer(house.ask(intents.Pause()))
    (house.workspace.root / "go").touch()
    assert house.wait(supervisor) == 0, house.story()
    assert house.states() == {RECIPE: "done", SFT: "ready"}
    assert house.finish() == 0
    assert house.states()[SFT] == "ready"
    house.ask(intents.Resume())
    assert house.finish() == 0
    assert house.states()[SFT] == "done"


@pytest.mark.parametrize("harm", ["missing", "short"])
def test_an_output_that_is_gone_is_made_again(house: House, harm: str) -> None:
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0
    output = house.workspace.attempt(house.id(RECIPE), 1) / "sft"
    if harm == "missing":
        shutil.rmtree(output.parent)
    else:
        output.write_bytes(b"")
    house.ask(intents.Start(targets=("sft",)))
    assert house.finish() == 0, house.story()
    assert house.states() == {RECIPE: "done", SFT: "done"}
    assert house.attempts(RECIPE) == [(1, "done"), (2, "done")]
    assert house.attempts(SFT) == [(1, "done")]


def test_an_output_is_made_again_once_for_all_that_read_it(house: House) -> None:
    """Of two that miss it, the second finds it asked for already."""
    house.ask(
        intents.Start(
            targets=(
                "judge",
                "respond",
            )
        )
    )
    assert house.finish() == 0
    shutil.rmtree(house.workspace.artifacts / "jobs" / house.id(JUDGE))
    house.ask(intents.Start(targets=("compare",)))
    assert house.finish() == 0, house.story()
    assert set(house.states().values()) == {"done"}
    assert house.attempts(JUDGE) == [(1, "done"), (2, "done")]


def test_data_that_is_gone_is_the_users_to_bring_back(house: House) -> None:
    shutil.rmtree(house.workspace.artifacts / "data")
    house.ask(intents.Start(targets=("judge",)))
    assert house.finish() == 0
    assert house.states() == {JUDGE: "failed"}
    assert "import the data again" in str(house.error(JUDGE))


def test_a_folder_that_cannot_be_written_fails_the_job(house: House) -> None:
    (house.workspace.artifacts / "jobs").write_text("a file where a folder should be")
    house.ask(intents.Start(targets=("recipe",)))
    assert house.finish() == 0, house.story()
    assert house.states() == {RECIPE: "failed"}
    assert "cannot be written" in str(house.error(RECIPE))


def test_a_worker_that_cannot_be_started_fails_its_job(house: House) -> None:
    house.ask(intents.Start(targets=("recipe",)))
    supervisor = Supervisor(house.workspace, ["/there/is/no/such/program"])
    while supervisor.tick():
        pass
    supervisor.connection.close()
    assert house.states() == {RECIPE: "failed"}
    assert "could not be started" in str(house.error(RECIPE))
    assert house.attempts(RECIPE) == [(1, "failed")]


def test_two_supervisors_are_one(house: House) -> None:
    house.room(hold=[JUDGE])
    house.ask(intents.Start(targets=("judge",)))
    first = house.supervise()
    second = house.supervise()
    assert house.wait(second) == 3
    (house.workspace.root / "go").touch()
    assert house.wait(first) == 0, house.story()
    assert house.attempts(JUDGE) == [(1, "done")]


def test_an_intent_at_the_last_moment_is_carried_out(make_house: Callable[[], House]) -> None:
    """Intents come while supervisors leave; whoever finds the lock free starts the next one."""
    house = make_house()
    supervisor = house.supervise()
    for number in range(12):
        request = intents.Pause() if number % 2 else intents.Resume()
        if number % 3:
            house.wait(supervisor)
        intent = house.ask(request)
        if not launch.is_running(house.workspace)[0]:
            house.wait(supervisor)
            supervisor = house.supervise()
        assert house.answer(intent).state == "done"


def test_leaving_waits_for_the_one_who_writes(house: House) -> None:
    """An intent that is being written when the supervisor wants to leave is carried out by it."""
    with closing(connections.writer(house.workspace.state)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        supervisor = house.supervise()
        house.until((house.workspace.root / "wants-to-write").exists)
        connection.execute("INSERT INTO intents (kind, payload, created_at) VALUES ('pause', '{}', 0)")
        connection.execute("COMMIT")
        assert house.wait(supervisor) == 0, house.story()
        assert intents.pending(connection) == []
