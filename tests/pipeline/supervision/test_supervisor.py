"""What the supervisor decides: order, slots, retry, pause, failure, and its own coming and going."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from core.domain.jobs.events import RetryOutcome, StartOutcome
from core.jobs import spec
from core.jobs.settings import RespondSettings, StudentResponder
from core.pipeline import launch
from core.services.workspace import open_workspace
from core.store import connections, intents
from core.store.jobs import job_queries

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

RECIPE = "recipe:direct/chatgpt"
JUDGE = "judge:embedded"
RESPOND = "respond:tiny"
SFT = "sft:tiny/direct/chatgpt/sft"
DPO = "sft-dpo:tiny/direct/chatgpt/sft-dpo"


def test_dependencies_come_first_and_slots_are_kept(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start())
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}
    ended: set[str] = set()
    running = most = 0
    needs = dict(supervised.query("SELECT id, depends_on FROM jobs"))
    for _, job, _, what in supervised.notes():
        if what == "begin":
            running += 1
            assert all(other in ended for other in needs if other in needs[job])
        elif what == "end":
            running -= 1
            ended.add(job)
        most = max(most, running)
    assert most <= 2


def test_one_slot_means_one_at_a_time(supervised: SupervisedWorkspace) -> None:
    text = supervised.workspace.config.read_text()
    supervised.workspace.config.write_text(text.replace("cpu = 2", "cpu = 1"))
    supervised.ask(
        intents.Start(
            targets=(
                "judge",
                "respond:tiny",
                "recipe",
            )
        )
    )
    assert supervised.finish() == 0, supervised.story()
    whats = [what for _, _, _, what in supervised.notes() if what in ("begin", "end")]
    assert whats == ["begin", "end"] * 3


def test_what_is_done_is_not_done_again(supervised: SupervisedWorkspace) -> None:
    first = supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    again = supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    assert supervised.outcome(first).outcome == StartOutcome((supervised.id(JUDGE),), 1, ())
    assert supervised.outcome(again).outcome == StartOutcome(
        (supervised.id(JUDGE),), 0, (supervised.id(JUDGE),)
    )
    assert supervised.attempts(JUDGE) == [(1, "done")]


def test_a_target_that_does_not_exist_is_refused(supervised: SupervisedWorkspace) -> None:
    intent = supervised.ask(intents.Start(targets=("sfd",)))
    assert supervised.finish() == 0
    outcome = supervised.outcome(intent)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert "'sfd'" in outcome.error
    assert "sft" in outcome.error


def test_an_intent_that_nobody_foresaw_fails_alone(supervised: SupervisedWorkspace) -> None:
    with closing(connections.writer(supervised.workspace.state)) as connection:
        odd = connection.execute(
            "INSERT INTO intents (kind, payload, created_at)"
            """ VALUES ('start', '{"kind": "start", "nonsense": true}', 1)"""
        ).lastrowid
    assert odd is not None
    good = supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.outcome(odd).state == "failed"
    assert supervised.outcome(odd).error == f"intent {odd}, start: Object contains unknown field `nonsense`"
    assert supervised.outcome(good).state == "done"
    assert supervised.states() == {JUDGE: "done"}


def test_a_failure_blocks_what_needs_it_and_nothing_else(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(fail=[SFT])
    supervised.ask(intents.Start())
    assert supervised.finish() == 0, supervised.story()
    states = supervised.states()
    assert supervised.error(SFT) == f"{SFT} cannot be done: no key"
    blocked = {name for name in states if "sft" in name} - {SFT}
    assert {name: states[name] for name in blocked} == dict.fromkeys(blocked, "waiting")
    assert {states[name] for name in (RECIPE, JUDGE, RESPOND)} == {"done"}
    assert supervised.attempts(SFT) == [(1, "failed")]

    supervised.set_plan()
    comparison = next(name for name in states if name.startswith("compare"))
    retry = supervised.ask(intents.Retry(job=supervised.id(comparison)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.outcome(retry).outcome == RetryOutcome((supervised.id(SFT),))
    assert set(supervised.states().values()) == {"done"}
    assert supervised.error(SFT) is None
    assert supervised.attempts(SFT) == [(1, "failed"), (2, "done")]


def test_asking_again_tries_what_failed_again(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(fail=[JUDGE])
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    assert supervised.states() == {JUDGE: "failed"}
    supervised.set_plan()
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    assert supervised.states() == {JUDGE: "done"}


def test_what_only_watches_reaches_a_job_that_is_tried_again(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(fail=[SFT])
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0
    with supervised.workspace.config.open("a") as file:
        file.write("[sft]\nsave_steps = 7\n")
    supervised.set_plan()
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0
    assert supervised.attempts(SFT) == [(1, "failed"), (2, "done")]
    spec = supervised.workspace.attempt(supervised.id(SFT), 2) / "spec.json"
    assert '"save_steps": 7' in spec.read_text()


def test_retry_of_what_did_not_fail_is_refused(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    done = supervised.ask(intents.Retry(job=supervised.id(JUDGE)))
    unknown = supervised.ask(intents.Retry(job="judge-0"))
    cancel = supervised.ask(intents.Cancel(job=supervised.id(JUDGE)))
    assert supervised.finish() == 0
    assert [supervised.outcome(intent).state for intent in (done, unknown, cancel)] == ["failed"] * 3
    assert supervised.attempts(JUDGE) == [(1, "done")]


def test_pause_starts_nothing_and_resume_goes_on(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("sft",)))
    supervisor = supervised.supervise(idle_s=0.1)
    supervised.until(lambda: bool(supervised.notes()))
    supervised.answer(supervised.ask(intents.Pause()))
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states() == {RECIPE: "done", SFT: "ready"}
    assert supervised.finish() == 0
    assert supervised.states()[SFT] == "ready"
    supervised.ask(intents.Resume())
    assert supervised.finish() == 0
    assert supervised.states()[SFT] == "done"


@pytest.mark.parametrize("harm", ["missing", "short"])
def test_an_output_that_is_gone_is_made_again(supervised: SupervisedWorkspace, harm: str) -> None:
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0
    output = supervised.workspace.attempt(supervised.id(RECIPE), 1) / "sft"
    if harm == "missing":
        shutil.rmtree(output.parent)
    else:
        output.write_bytes(b"")
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states() == {RECIPE: "done", SFT: "done"}
    assert supervised.attempts(RECIPE) == [(1, "done"), (2, "done")]
    assert supervised.attempts(SFT) == [(1, "done")]


def test_an_output_is_made_again_once_for_all_that_read_it(supervised: SupervisedWorkspace) -> None:
    """Of two that miss it, the second finds it requested already."""
    supervised.ask(
        intents.Start(
            targets=(
                "judge",
                "respond",
            )
        )
    )
    assert supervised.finish() == 0
    shutil.rmtree(supervised.workspace.artifacts / "jobs" / supervised.id(JUDGE))
    supervised.ask(intents.Start(targets=("compare",)))
    assert supervised.finish() == 0, supervised.story()
    assert set(supervised.states().values()) == {"done"}
    assert supervised.attempts(JUDGE) == [(1, "done"), (2, "done")]


def test_data_that_is_gone_is_the_users_to_bring_back(supervised: SupervisedWorkspace) -> None:
    shutil.rmtree(supervised.workspace.artifacts / "data")
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    assert supervised.states() == {JUDGE: "failed"}
    assert "import the data again" in str(supervised.error(JUDGE))


def test_a_folder_that_cannot_be_written_fails_the_job(supervised: SupervisedWorkspace) -> None:
    (supervised.workspace.artifacts / "jobs").write_text("a file where a folder should be")
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.states() == {RECIPE: "failed"}
    assert "cannot be written" in str(supervised.error(RECIPE))


def test_two_supervisors_are_one(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(hold=[JUDGE])
    supervised.ask(intents.Start(targets=("judge",)))
    first = supervised.supervise()
    second = supervised.supervise()
    assert supervised.wait(second) == 3
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(first) == 0, supervised.story()
    assert supervised.attempts(JUDGE) == [(1, "done")]


def test_an_intent_at_the_last_moment_is_carried_out(
    make_supervised: Callable[[], SupervisedWorkspace],
) -> None:
    """Intents come while supervisors leave; whoever finds the lock free starts the next one."""
    supervised = make_supervised()
    supervisor = supervised.supervise()
    for number in range(12):
        request = intents.Pause() if number % 2 else intents.Resume()
        if number % 3:
            supervised.wait(supervisor)
        intent = supervised.ask(request)
        if not launch.is_running(supervised.workspace)[0]:
            supervised.wait(supervisor)
            supervisor = supervised.supervise()
        assert supervised.answer(intent).state == "done"


def test_leaving_waits_for_the_one_who_writes(supervised: SupervisedWorkspace) -> None:
    """An intent that is being written when the supervisor wants to leave is carried out by it."""
    with closing(connections.writer(supervised.workspace.state)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        supervisor = supervised.supervise()
        supervised.until((supervised.workspace.root / "wants-to-write").exists)
        connection.execute("INSERT INTO intents (kind, payload, created_at) VALUES ('pause', '{}', 0)")
        connection.execute("COMMIT")
        assert supervised.wait(supervisor) == 0, supervised.story()
        assert intents.pending(connection) == []


def test_a_done_job_is_done_again_from_the_start_by_force(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("judge", "recipe")))
    assert supervised.finish() == 0
    again = supervised.ask(intents.Start(targets=("judge",), force=True))
    assert supervised.finish() == 0
    judge = supervised.id(JUDGE)
    assert supervised.outcome(again).outcome == StartOutcome((judge,), 0, (), (judge,))
    assert supervised.attempts(JUDGE) == [(1, "done"), (2, "done")]
    assert supervised.attempts(RECIPE) == [(1, "done")]
    # Nothing of the first attempt is reused.
    assert spec.read(supervised.workspace.attempt(judge, 2)).prior == ()


def test_a_result_stays_until_there_is_another(supervised: SupervisedWorkspace) -> None:
    supervised.ask(intents.Start(targets=("judge",)))
    assert supervised.finish() == 0
    supervised.set_plan(fail=[JUDGE])
    supervised.ask(intents.Start(targets=("judge",), force=True))
    assert supervised.finish() == 0
    with closing(connections.reader(supervised.workspace.state)) as connection:
        job = job_queries.jobs(connection)[supervised.id(JUDGE)]
    assert job.state == "failed"
    assert job.result is not None


def test_a_workspace_stays_at_the_commit_that_it_began_with(supervised: SupervisedWorkspace) -> None:
    config = supervised.workspace.config
    config.write_text(config.read_text().replace('"embedded/smollm2-135m-instruct"', '"somebody/made-model"'))
    commit = "0123456789abcdef0123456789abcdef01234567"
    with open_workspace(supervised.workspace) as workspace:
        respond = workspace.pipeline.find_job(RESPOND)
    started = supervised.ask(intents.Start(targets=(respond,), commits={"somebody/made-model@main": commit}))
    assert supervised.finish() == 0
    outcome = supervised.outcome(started).outcome
    assert isinstance(outcome, StartOutcome)
    # It was named by the id that it had before its commit was known.
    (job,) = outcome.jobs
    assert job != respond
    with closing(connections.reader(supervised.workspace.state)) as connection:
        settings = job_queries.settings(connection, job)
    assert isinstance(settings, RespondSettings)
    assert isinstance(settings.responder, StudentResponder)
    assert settings.responder.student.config.revision == commit
    later = supervised.ask(intents.Start(targets=(job,), commits={"somebody/made-model@main": "f" * 40}))
    assert supervised.finish() == 0
    assert supervised.outcome(later).outcome == StartOutcome((job,), 0, (job,))
