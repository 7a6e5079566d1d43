"""Teachers and judges in the playground, over their real processes and an API on loopback."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from core.api import (
    OpinionQuestion,
    PlaygroundOpinion,
    UserError,
    Workspace,
    WorkspacePaths,
    open_workspace,
)
from core.jobs import journal, locks
from core.jobs.records import Answer, Artifact
from core.judging.embedded import embedded_judge
from core.playground import process
from core.store import connections
from core.store.jobs import job_attempts, job_records, jobs
from core.teachers.requests.ledger import Ledger
from tests import loopback
from tests.loopback import KEY, Api
from tests.support import waiting
from tests.support.processes.playing import playing
from tests.support.records import made_results
from tests.support.servers import large_models
from tests.support.workspaces import playground_workspace
from tests.support.workspaces.playground_workspace import BASE, SFT, ask, question


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return playground_workspace.make(tmp_path_factory.mktemp("made") / "study").root


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with loopback.running() as running:
        yield running


@contextmanager
def study(made: Path, root: Path, api: Api) -> Iterator[Workspace]:
    with playground_workspace.copied(made, root) as paths:
        large_models.add(paths, api.url)
        with open_workspace(paths) as workspace:
            yield workspace


def judged(workspace: Workspace, judge: str, answer_a: str, answer_b: str) -> PlaygroundOpinion:
    opinion = workspace.playground.opinion(judge, opinion_on(answer_a, answer_b)).result()
    assert opinion is not None
    return opinion


def opinion_on(answer_a: str, answer_b: str) -> OpinionQuestion:
    asked = question()
    return OpinionQuestion(
        situation=asked.situation,
        utterance=asked.utterance,
        a=BASE,
        b=SFT,
        answer_a=answer_a,
        answer_b=answer_b,
    )


def answers(workspace: WorkspacePaths) -> list[Answer]:
    """What all calls have recorded."""
    return [
        entry.record
        for folder in sorted(workspace.calls.glob("*/*"))
        if folder.is_dir()
        for entry, _ in journal.read(folder)
        if isinstance(entry.record, Answer)
    ]


def test_a_teacher_answers_beside_a_student_and_is_paid(made: Path, tmp_path: Path, api: Api) -> None:
    with study(made, tmp_path / "study", api) as workspace, playing(workspace.paths):
        offered = {one.name: one for one in workspace.playground.responders()}
        assert (offered["gpt"].kind, offered["gpt"].is_paid, offered["gpt"].problem) == (
            "teacher",
            True,
            None,
        )
        assert not offered[BASE].is_paid
        cost = workspace.playground.cost(question(BASE, "gpt"))
        assert cost is not None
        assert (cost.models, cost.spent_usd, cost.budget_usd) == (("gpt",), 0.0, 5.0)
        assert workspace.playground.cost(question(BASE)) is None
        turn, grown = ask(workspace, question(BASE, "gpt"))
        student, teacher = turn.answers
        assert (student.responder, teacher.responder) == (BASE, "gpt")
        assert student.usd is None
        ((_, sent),) = api.paid
        assert teacher.text == loopback.expected_answer(msgspec.json.decode(sent))
        assert teacher.tokens == 40
        assert teacher.usd is not None
        assert cost.usd is not None
        assert 0.5 < teacher.usd / cost.usd < 2
        # It came word by word, and never shrank.
        texts = [answer.text for answer in grown if answer.responder == "gpt"]
        assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
        summary = workspace.spending.summary()
        assert summary.usd == summary.playground_usd == pytest.approx(teacher.usd)
        # Jobs count it against the budget.
        ledger = Ledger(workspace.paths.artifacts / "jobs")
        ledger.refresh()
        assert ledger.spent_usd == ledger.calls_usd == pytest.approx(teacher.usd)
        # A conversation goes on with its own answers, in the form of the API.
        again, _ = ask(workspace, question("gpt", utterance="And the nights?", earlier=(turn,)))
        roles = [[one["role"] for one in msgspec.json.decode(sent)] for _, sent in api.paid]
        assert roles == [["user"], ["user", "assistant", "user"]]
        assert again.number == 2
        assert workspace.spending.summary().usd == pytest.approx(teacher.usd + (again.answers[0].usd or 0))


def test_the_budget_holds(made: Path, tmp_path: Path, api: Api) -> None:
    with study(made, tmp_path / "study", api) as workspace:
        cost = workspace.playground.cost(question("gpt"))
        assert cost is not None
        assert cost.usd is not None
        config = workspace.paths.config
        config.write_text(config.read_text().replace("budget_usd = 5.0", f"budget_usd = {1.5 * cost.usd}"))
        first, _ = ask(workspace, question("gpt"))
        assert first.answers[0].finish == "stop"
        second, _ = ask(workspace, question("gpt"))
        (refused,) = second.answers
        assert refused.finish == "failed"
        assert "the budget of 0.00 USD would be exceeded" in (refused.error or "")
        assert sum(api.paid.values()) == 1


def test_escape_stops_a_teacher_at_once_and_its_cost_is_known(made: Path, tmp_path: Path, api: Api) -> None:
    api.faults.stream_gate = threading.Event()
    with study(made, tmp_path / "study", api) as workspace:
        answering = workspace.playground.ask(question("gpt"))
        turn = None
        for event in answering:
            if event.answer is not None and not event.is_final:
                answering.cancel()
            turn = event.turn or turn
        assert turn is not None
        (stopped,) = turn.answers
        assert stopped.finish == "stopped"
        assert len(stopped.text.split()) == 1
        waiting.wait_until(lambda: bool(answers(workspace.paths)), "the cost of what was stopped")
        (lost,) = answers(workspace.paths)
        assert (lost.outcome, lost.is_estimated) == ("lost", True)
        assert workspace.spending.summary().usd == pytest.approx(lost.usd)
        api.faults.stream_gate.set()


@pytest.mark.parametrize(
    ("refuse", "words"), [("the model gpt-4o does not exist", "does not exist"), ("bad", "bad")]
)
def test_a_refusal_is_an_answer_that_failed(
    made: Path, tmp_path: Path, api: Api, refuse: str, words: str
) -> None:
    api.faults.refuse = refuse
    with study(made, tmp_path / "study", api) as workspace:
        turn, _ = ask(workspace, question("gpt"))
        assert turn.answers[0].finish == "failed"
        assert words in (turn.answers[0].error or "")
        assert workspace.spending.summary().usd == 0


def test_a_teacher_without_its_key_is_not_offered(
    made: Path, tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(made, tmp_path / "study", api) as workspace:
        config = workspace.paths.config
        config.write_text(
            config.read_text().replace('model = "gpt-4o"', 'model = "gpt-4o"\napi_key_env = "NONE"')
        )
        monkeypatch.delenv("NONE", raising=False)
        offered = {one.name: one.problem for one in workspace.playground.responders()}
        assert offered["gpt"] == "needs NONE in the environment"
        with pytest.raises(UserError, match="NONE, which is not set"):
            workspace.playground.ask(question("gpt"))


def test_a_judge_compares_two_answers_in_both_orders_and_is_paid_once(
    made: Path, tmp_path: Path, api: Api
) -> None:
    # It prefers the first response whatever it is: position bias.
    api.faults.content = lambda text: "say:1"
    with study(made, tmp_path / "study", api) as workspace:
        assert [(one.name, one.is_paid) for one in workspace.playground.judges()] == [
            ("embedded", False),
            ("large", True),
        ]
        cost = workspace.playground.opinion_cost("large", opinion_on("I hear you.", "Go out."))
        assert cost is not None
        assert cost.usd is not None
        found = judged(workspace, "large", "I hear you.", "Go out.")
        assert [(order, winner) for order, winner, _ in found.verdicts] == [("ab", "a"), ("ba", "b")]
        assert found.winner == "tie"
        assert found.usd is not None
        assert found.usd > 0
        # The same prompt as in comparisons, so that they have the same answers.
        prompts = [msgspec.json.decode(sent)[0]["content"] for _, sent in api.paid]
        # The calls are made at the same time, and come in any order.
        is_ab = [prompt.index("I hear you.") < prompt.index("Go out.") for prompt in prompts]
        assert sorted(is_ab) == [False, True]
        api.faults.content = lambda text: "say:2"
        again = judged(workspace, "large", "I hear you.", "Go out.")
        assert (again.verdicts, again.usd) == (found.verdicts, 0.0)
        assert sum(api.paid.values()) == 2
        assert workspace.spending.summary().usd == pytest.approx(found.usd)
        with pytest.raises(UserError, match="the answers are the same"):
            workspace.playground.opinion("large", opinion_on("I hear you.", "I hear you."))
        with pytest.raises(UserError, match="no judge is named 'none'"):
            workspace.playground.opinion("none", opinion_on("I hear you.", "Go out."))


def test_the_embedded_judge_costs_nothing(made: Path, tmp_path: Path, api: Api) -> None:
    with study(made, tmp_path / "study", api) as workspace:
        assert workspace.playground.judges()[0].problem == "not trained yet: `empathy-tui run judge:embedded`"
        _fit(workspace.paths)
        assert workspace.playground.judges()[0].problem is None
        assert workspace.playground.opinion_cost("embedded", opinion_on("I hear you.", "Go out.")) is None
        found = judged(workspace, "embedded", "I hear you.", "Go out.")
        assert [order for order, _, _ in found.verdicts] == ["ab"]
        assert found.winner in ("a", "b")
        assert (found.label, found.usd) == ("made up", 0.0)
        assert process.running(workspace.paths) is None
        lock = workspace.paths.calls / "opinions-embedded" / "calls.lock"
        waiting.wait_until(lambda: not locks.is_held(lock), "the judge's process to end")


def _fit(paths: WorkspacePaths) -> None:
    """Have the embedded judge fitted, with weights that were made up."""
    agreement = embedded_judge.HeldOutAgreement(0.6, 0.5, 0.7, 100, 0.5, 0.6, 0.5)
    weights = embedded_judge.Weights(1, 0.0, [0.1, -0.1] * 384, 3.0, 48, 300, agreement, "made up")
    with open_workspace(paths) as workspace:
        node = next(node for node in workspace._state.nodes() if node.stage == "judge")
    folder = paths.attempt(node.id, 1)
    folder.mkdir(parents=True)
    embedded_judge.save(folder / "judge.json", weights)
    with closing(connections.writer(paths.state)) as connection, connections.transaction(connection):
        jobs.put(connection, [node])
        relative = folder.relative_to(paths.root).as_posix()
        attempt = job_attempts.begin_attempt(connection, node.id, 1, relative)
        job_records.put_artifact(connection, attempt, Artifact("judge", "judge.json", "0" * 64, 1))
        job_attempts.end_attempt(connection, attempt, "done")
        jobs.set_state(connection, node.id, "done", result=made_results.of_stage("judge"))
