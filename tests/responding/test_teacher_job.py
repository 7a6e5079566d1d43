"""A teacher that answers the test split, and meets others there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.config.load import parse_config
from core.config.schema import Teacher
from core.domain.data.dialogues import ImportedData
from core.jobs.settings import CompareSettings, LlmJudge, RespondSettings, TeacherResponder
from core.judging import compare_job
from core.pipeline.planning import planner
from core.prompts import templates
from core.responding import respond_job
from tests import loopback
from tests.loopback import Api, expected_answer
from tests.support.records import job_attempts, made_settings
from tests.support.servers.odd_answers_server import DIALOGUES, OddServer, completion
from tests.support.servers.scripted_server import serving
from tests.support.workspaces.teacher_workspace import TeacherWorkspace

MEETING = """
[judges.gpt]
provider = "openai"
model = "gpt-judge"
base_url = "{url}"
[[comparisons.extra]]
a = "human"
b = "gpt"
"""
RESPOND = "respond:gpt"


@pytest.fixture
def api() -> Iterator[Api]:
    with loopback.running() as found:
        yield found


def meeting(root: Path, api: Api, mode: str = "live") -> TeacherWorkspace:
    # `gpt` the teacher of the workshop, and `gpt` the judge, are not each other's.
    return TeacherWorkspace(root, api.url, mode=mode, more=MEETING.format(url=api.url))


def judged_or_answered(text: str) -> str | None:
    return "say:2" if "Response 2:" in text else None


@pytest.mark.parametrize("mode", ["live", "batch"])
def test_a_teacher_answers_as_every_responder_does(tmp_path: Path, api: Api, mode: str) -> None:
    api.faults.content = judged_or_answered
    study = meeting(tmp_path, api, mode)
    workspace = study.open()
    test = [d for d in workspace.data.dialogues() if d.split == "test"]
    assert [(str(e.asker), e.requests) for e in workspace.spending.estimates(["compare"])] == [
        ("responder gpt", len(test)),
        ("judge gpt", 2 * len(test)),
    ]
    study.run("compare")
    assert set(study.states().values()) == {"done"}, study.story()
    prompt = templates.load("student")
    found = dict(study.query("SELECT dialog_id, text FROM responses"))
    for dialogue in test:
        text = templates.render(prompt, situation=dialogue.situation, utterance=dialogue.utterance)
        assert found[dialogue.dialog_id] == expected_answer([{"role": "user", "content": text}])
    assert "gpt" in workspace.evaluation.responders()
    (rate,) = workspace.evaluation.win_rates()
    # The judge always says the second: in both orders that is a tie.
    assert (rate.a, rate.b, rate.n, rate.ties) == ("human", "gpt", len(test), len(test))
    assert all(
        pair.response_b == found[pair.dialog_id] for pair in workspace.evaluation.pairs("human", "gpt")
    )
    workspace.close()


def test_no_comparison_is_made_on_fewer_dialogues(tmp_path: Path, api: Api) -> None:
    study = meeting(tmp_path, api)
    workspace = study.open()
    test = [d for d in workspace.data.dialogues() if d.split == "test"]
    workspace.close()
    api.faults.content = lambda text: "refusal" if test[0].utterance in text else judged_or_answered(text)
    study.run("compare")
    assert study.states()[RESPOND] == "failed"
    assert "got no usable answer" in study.error(RESPOND)
    assert [state for name, state in study.states().items() if name.startswith("compare")] == ["waiting"]
    api.faults.content = judged_or_answered
    before = sum(api.paid.values())
    study.run("compare")
    assert set(study.states().values()) == {"done"}, study.story()
    refused = sum(test[0].utterance in json.loads(messages)[0]["content"] for _, messages in api.paid)
    assert refused
    assert sum(api.paid.values()) - before <= 3 * len(test)


def test_one_filtered_dialogue_is_left_out_of_comparisons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")
    test = [msgspec.structs.replace(dialogue, split="test") for dialogue in DIALOGUES]
    odd = OddServer(lambda asked: {"choices": []} if test[2].utterance in asked else completion())
    jobs = tmp_path / "artifacts/jobs"
    with serving(odd) as server:
        teacher = Teacher(provider="openai", model="m", base_url=f"{server.url}/v1")
        responder = TeacherResponder(prompt="{utterance}", model=made_settings.large_model(teacher))
        respond = job_attempts.attempt(
            jobs / "respond-1/1", test, RespondSettings(responder=responder), job="respond-1"
        )
        responded = job_attempts.run(respond, respond_job.run)
    assert (responded.responses, responded.left_out_as) == (len(test) - 1, {"filtered": 1})
    odd.answer = lambda asked: completion("2")
    with serving(odd) as server:
        teacher = Teacher(provider="openai", model="j", base_url=f"{server.url}/v1")
        judge = LlmJudge(
            name="j",
            swap=True,
            repeats=1,
            prompt=templates.load("judge"),
            model=made_settings.large_model(teacher),
        )
        compare = job_attempts.attempt(
            jobs / "compare-1/1",
            test,
            CompareSettings(a="human", b="gpt", judge=judge),
            {"b": respond / "responses.jsonl"},
            job="compare-1",
        )
        compared = job_attempts.run(compare, compare_job.run)
    assert (compared.n, compared.left_out, compared.invalid) == (len(test) - 1, 1, 0)


def test_a_server_answers_for_as_many_adapters_as_it_has(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vLLM serves them: each adapter is a model of its own name at one address."""
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    names = [f"adapter-{n}" for n in range(84)]
    base = '[students.base]\nmodel = "embedded/smollm2-135m-instruct"\n[runs]\nstages = ["sft"]\n'
    server = '[teachers.{0}]\nprovider = "openai"\nmodel = "{0}"\nbase_url = "{1}"\n'
    pair = '[[comparisons.extra]]\na = "base"\nb = "{}"\n'
    config = parse_config(
        base
        + '[judges.embedded]\nprovider = "embedded"\n[recipes]\ntrain = ["direct/chatgpt"]\n'
        + "".join(server.format(name, api.url) + pair.format(name) for name in names)
    )
    data = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)
    planned = planner.plan(config, data, lambda name: templates.load(name), "cpu")
    responding = [job for job in planned if job.stage == "respond" and job.name in names]
    assert [job.name for job in responding] == names
    assert len({job.fingerprint for job in responding}) == len(names)
    compared = {job.name for job in planned if job.stage == "compare"}
    assert compared >= {f"base vs {name} @ embedded" for name in names}
    test = [msgspec.structs.replace(dialogue, split="test") for dialogue in DIALOGUES[:2]]
    some = responding[::21]
    for job in some:
        folder = tmp_path / "artifacts/jobs" / job.id / "1"
        attempt = job_attempts.attempt(folder, test, job.settings, job=job.id)
        assert job_attempts.run(attempt, respond_job.run).responses == len(test)
    assert {model for model, _ in api.paid} == {job.name for job in some}
    assert set(api.paid.values()) == {1}
