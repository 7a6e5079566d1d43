"""A server that answers for a student: only once its answers are known to be the student's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from core.config.load import parse_config
from core.config.schema import Responding, Server
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs.results import RespondResult
from core.jobs.fingerprinted_settings import fingerprinted
from core.jobs.settings import LocalStudent, RespondSettings, StudentServer
from core.pipeline.planning import planner
from core.prompts import templates
from core.responding import respond_job
from core.students.chat import chat_format
from core.students.decoding.generation import Generator
from core.students.models import loading
from tests.support import tiny_student
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues
from tests.support.servers.scripted_server import HttpReply, HttpRequest, serving

_DIALOGUE = next(d for d in synthetic_dialogues(rows=16) if d.split == "test")
TEST = [
    msgspec.structs.replace(_DIALOGUE, dialog_id=f"made:{n}", utterance=f"I lost {n} friends.")
    for n in range(3)
]
PROMPT = "{utterance}"
RESPONDING = Responding(max_new_tokens=24)
BASE = "That sounds really hard."
TUNED = "I am so proud of you!"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> LocalStudent:
    folder = tiny_student.make(tmp_path_factory.mktemp("student"))
    found = made_settings.student(folder, PROMPT)
    _trained_to_answer(found, BASE).save_pretrained(folder)
    return found


@pytest.fixture(scope="module")
def tuned(student: LocalStudent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What full fine-tuning may have yielded."""
    folder = tmp_path_factory.mktemp("tuned")
    _trained_to_answer(student, TUNED).save_pretrained(folder)
    return folder


def _trained_to_answer(student: LocalStudent, answer: str) -> Any:
    """The model, trained until it answers all prompts so, in words."""
    model = loading.load_model(student.config, "cpu", torch.float32)
    chat = chat_format.load(student.config)
    prompts = [chat.prompt(PROMPT.format(situation=d.situation, utterance=d.utterance)) for d in TEST]
    end = chat.completion(answer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = [1.0] * len(prompts)
    for _ in range(200):
        for i, prompt in enumerate(prompts):
            ids = torch.tensor([prompt + end])
            loss = model(input_ids=ids, labels=torch.tensor([[-100] * len(prompt) + end])).loss
            losses[i] = loss.item()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        if max(losses) < 0.05:
            return model
    raise AssertionError(f"not learned: {losses}")


@dataclass
class StudentsServer:
    """Serves a student as vLLM does: by name, with the number of the prompt's tokens."""

    student: LocalStudent
    tuned: Path | None
    more_prompt_tokens: int = 0
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chat = chat_format.load(self.student.config)
        config = (
            self.student.config if self.tuned is None else loading.fine_tuned(self.student.config, self.tuned)
        )
        self.model = loading.load_model(config, "cpu", torch.float32)

    def __call__(self, request: HttpRequest) -> HttpReply:
        body = request.json()
        assert body["temperature"] == 0
        self.names.append(body["model"])
        generator = Generator(self.model, self.chat, [body["messages"][0]["content"]])
        (answer,) = generator.answer([0], Responding(max_new_tokens=body["max_tokens"]))
        message = {"role": "assistant", "content": answer.text}
        cut = answer.finish == "length"
        written = body["max_tokens"] if cut else len(self.chat.completion(answer.text))
        prompt = len(generator.tokens[0]) + self.more_prompt_tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
        return HttpReply(
            {"choices": [{"index": 0, "message": message, "finish_reason": answer.finish}], "usage": usage}
        )


@dataclass
class Study:
    """Attempts at jobs of one workspace, whose server may change between them."""

    root: Path
    student: LocalStudent
    tuned: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def settings(self, url: str | None, **options: Any) -> RespondSettings:
        made = made_settings.responding(self.student, RESPONDING)
        if url is None:
            return made
        server = StudentServer(model="run", client=Server(base_url=f"{url}/v1", **options))
        return RespondSettings(responder=msgspec.structs.replace(made.responder, server=server))

    def respond(self, url: str | None, **options: Any) -> tuple[RespondResult, bytes]:
        number = next(self.numbers)
        folder = job_attempts.attempt(
            self.root / "artifacts" / "jobs" / f"respond-{number}" / "1",
            TEST,
            self.settings(url, **options),
            {"model": self.tuned},
            job=f"respond-{number}",
        )
        return job_attempts.run(folder, respond_job.run), (folder / "responses.jsonl").read_bytes()


@pytest.fixture
def study(tmp_path: Path, student: LocalStudent, tuned: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Study(tmp_path, student, tuned)


def test_a_server_with_the_runs_weights_answers_as_the_run_does(study: Study) -> None:
    _, here = study.respond(None)
    served = StudentsServer(study.student, study.tuned)
    with serving(served) as server:
        result, there = study.respond(server.url, verify=3)
        assert there == here
        assert (result.server, result.served_as, result.verified) == (f"{server.url}/v1", "run", 3)
        assert (result.responses, result.device) == (len(TEST), None)
        assert served.names == ["run"] * (3 + len(TEST))
    # At another address, it is checked again, and nothing else is requested again.
    with serving(served) as server:
        assert study.respond(server.url)[1] == here
        assert len(served.names) == 3 + len(TEST) + 2


def test_another_model_under_the_name_is_found_out(study: Study) -> None:
    with serving(StudentsServer(study.student, None)) as server:
        with pytest.raises(UserError, match=r"is not made: .* differ from the student's") as raised:
            study.respond(server.url)
        assert "“" in str(raised.value)
        # Nothing of it is kept.
        server.answer = StudentsServer(study.student, study.tuned)
        assert study.respond(server.url)[1] == study.respond(None)[1]


def test_another_chat_template_is_found_out_without_a_model(study: Study) -> None:
    with serving(StudentsServer(study.student, study.tuned, more_prompt_tokens=9)) as server:
        with pytest.raises(UserError, match="its chat template differs"):
            study.respond(server.url, verify=0)
        server.answer = StudentsServer(study.student, study.tuned)
        assert study.respond(server.url, verify=0)[0].verified == 0


def test_names_and_fingerprints() -> None:
    text = """
[students.small]
model = "made/small"
[recipes]
train = ["direct/chatgpt"]
[runs]
stages = ["sft"]
"""
    served = """
[servers.small]
base_url = "{}"
model = "team/{{responder}}"
models = {{ "small" = "base" }}
"""
    data = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)

    def respond(config: str) -> dict[str, Any]:
        jobs = planner.plan(parse_config(config), data, templates.load, "gpu")
        return {job.name: job for job in jobs if job.stage == "respond"}

    plain, here, there = (
        respond(text + more)
        for more in ("", served.format("http://localhost:8000/v1"), served.format("http://gpu:9/v1"))
    )
    run = "small/direct/chatgpt/sft"
    assert {name: job.settings.responder.server.model for name, job in here.items()} == {
        "small": "base",
        run: f"team/{run}",
    }
    assert {job.slot for job in plain.values()} == {"gpu"}
    assert {job.slot for job in here.values()} == {"api"}
    assert here[run].fingerprint == there[run].fingerprint != plain[run].fingerprint
    assert "server" not in fingerprinted(plain[run].settings.responder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('base_url = "http://localhost:8000/v1/chat/completions"', "leave out /chat/completions"),
        ('base_url = "localhost:8000"', "must be a URL"),
        ('base_url = "http://h/v1"\nmodel = "{run}"', "the only field"),
        ('base_url = "http://h/v1"\nmodels = { "other/direct/chatgpt/sft" = "x" }', "nor a run of it"),
        ("verify = 1", "base_url is missing"),
    ],
)
def test_wrong_settings_are_named(options: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config(f'[students.small]\nmodel = "made/small"\n[servers.small]\n{options}\n')
    with pytest.raises(UserError, match="there is no student 'small'"):
        parse_config('[servers.small]\nbase_url = "http://h/v1"\n')
