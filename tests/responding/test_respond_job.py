"""The responding job: the test split, each dialogue once, whatever happened before."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from peft import LoraConfig, get_peft_model

from core.config.schema import Responding
from core.domain.errors import Cancelled, UserError
from core.jobs.journal import Journal
from core.jobs.records import Artifact, Progress, ResponseRecord
from core.jobs.settings import LocalStudent, RespondSettings
from core.responding import respond_job
from core.students.models import base_model, loading
from tests.support import tiny_student
from tests.support.records import job_attempts, made_settings
from tests.support.records.synthetic_dialogues import synthetic_dialogues

DIALOGUES = synthetic_dialogues(rows=48)
TEST = [dialogue for dialogue in DIALOGUES if dialogue.split == "test"]
PROMPT = "You are in a conversation. Context: {situation}\nUtterance: {utterance}\nResponse:"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> LocalStudent:
    return made_settings.student(tiny_student.make(tmp_path_factory.mktemp("student")), PROMPT)


@pytest.fixture(scope="module")
def settings(student: LocalStudent) -> RespondSettings:
    return made_settings.responding(student, Responding(max_new_tokens=8, batch_size=5))


def test_it_answers_the_test_split_and_nothing_else(settings: RespondSettings, tmp_path: Path) -> None:
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings)
    result = job_attempts.run(folder, respond_job.run)
    lines = [msgspec.json.decode(line) for line in (folder / "responses.jsonl").read_bytes().splitlines()]
    assert [line["dialog_id"] for line in lines] == [dialogue.dialog_id for dialogue in TEST]
    assert result.responses == len(TEST)
    assert result.cut == sum(line["finish"] == "length" for line in lines)
    assert not any("You are in a conversation" in line["text"] for line in lines)
    assert [artifact.name for artifact in job_attempts.found(folder, Artifact)] == ["responses"]
    assert job_attempts.found(folder, Progress)[-1].done == len(TEST)


def test_an_adapter_answers_in_its_own_words(
    student: LocalStudent, settings: RespondSettings, tmp_path: Path
) -> None:
    base = loading.load_model(student.config, "cpu", torch.float32)
    torch.manual_seed(0)
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(base, lora).save_pretrained(tmp_path / "adapter")
    plain = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings)
    inputs = {"adapter": tmp_path / "adapter"}
    adapted = job_attempts.attempt(tmp_path / "2", DIALOGUES, settings, inputs)
    one = made_settings.responding(student, Responding(max_new_tokens=8, batch_size=1))
    alone = job_attempts.attempt(tmp_path / "3", DIALOGUES, one, inputs)
    for folder in (plain, adapted, alone):
        job_attempts.run(folder, respond_job.run)
    written = (adapted / "responses.jsonl").read_bytes()
    assert written != (plain / "responses.jsonl").read_bytes()
    assert written == (alone / "responses.jsonl").read_bytes()


@pytest.mark.parametrize("sampled", [False, True])
def test_a_new_attempt_goes_on_where_the_old_one_was_cut(
    student: LocalStudent, tmp_path: Path, sampled: bool
) -> None:
    responding = Responding(max_new_tokens=8, batch_size=5, do_sample=sampled)
    settings = made_settings.responding(student, responding)
    whole = job_attempts.attempt(tmp_path / "whole", DIALOGUES, settings)
    job_attempts.run(whole, respond_job.run)
    cut = tmp_path / "cut"
    cut.mkdir()
    lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
    # In the middle of a record of the second batch.
    (cut / "journal.jsonl").write_bytes(b"".join(lines[:8]) + lines[8][:10])
    kept = job_attempts.found(cut, ResponseRecord)
    assert 0 < len(kept) < len(TEST)
    again = job_attempts.attempt(tmp_path / "again", DIALOGUES, settings, prior=[cut])
    job_attempts.run(again, respond_job.run)
    assert (again / "responses.jsonl").read_bytes() == (whole / "responses.jsonl").read_bytes()


def test_what_was_answered_is_not_asked_again(settings: RespondSettings, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    journal = Journal(before)
    journal.write(*(ResponseRecord(dialogue.dialog_id, "kept", "stop") for dialogue in TEST))
    journal.close()
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings, prior=[before])
    job_attempts.run(folder, respond_job.run)
    assert {response.text for response in job_attempts.found(folder, ResponseRecord)} == {"kept"}


def test_an_answer_of_a_torn_batch_stays(settings: RespondSettings, tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    journal = Journal(before)
    journal.write(ResponseRecord(TEST[0].dialog_id, "kept", "stop"))
    journal.close()
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings, prior=[before])
    job_attempts.run(folder, respond_job.run)
    found = job_attempts.found(folder, ResponseRecord)
    assert sorted(response.dialog_id for response in found) == sorted(d.dialog_id for d in TEST)
    assert [response.text for response in found if response.dialog_id == TEST[0].dialog_id] == ["kept"]


def test_it_stops_on_request(settings: RespondSettings, tmp_path: Path) -> None:
    folder = job_attempts.attempt(tmp_path / "1", DIALOGUES, settings)
    job = job_attempts.context(folder)
    job.stop.set()
    with pytest.raises(Cancelled):
        respond_job.run(job)
    job.journal.close()
    assert job_attempts.found(folder, ResponseRecord) == []


def test_without_a_test_dialogue_it_says_why(settings: RespondSettings, tmp_path: Path) -> None:
    train = [dialogue for dialogue in DIALOGUES if dialogue.split == "train"]
    folder = job_attempts.attempt(tmp_path / "1", train, settings)
    with pytest.raises(UserError, match=r"no test dialogue: data\.split"):
        job_attempts.run(folder, respond_job.run)


def test_a_base_student_and_its_adapters_share_one_model(
    student: LocalStudent, settings: RespondSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = loading.load_model(student.config, "cpu", torch.float32)
    adapters: dict[str, dict[str, Path]] = {"base": {}}
    options: tuple[dict[str, Any], ...] = ({}, {"modules_to_save": ["lm_head"]}, {"bias": "all"})
    for seed, more in enumerate(options):
        torch.manual_seed(seed)
        more |= {"target_modules": "all-linear", "init_lora_weights": False, "task_type": "CAUSAL_LM"}
        lora = LoraConfig(r=4, **more)
        made = get_peft_model(copy.deepcopy(base), lora)
        with torch.no_grad():
            for weight in made.parameters():
                if weight.requires_grad:
                    weight.add_(torch.randn_like(weight) / 3)
        made.save_pretrained(tmp_path / f"adapter{seed}")
        adapters[str(seed)] = {"adapter": tmp_path / f"adapter{seed}"}
    loaded: list[str] = []
    load_model = loading.load_model

    def count(*arguments: Any, **options: Any) -> Any:
        loaded.append("model")
        return load_model(*arguments, **options)

    monkeypatch.setattr(loading, "load_model", count)

    def answer(name: str, number: int) -> bytes:
        folder = job_attempts.attempt(tmp_path / f"{name}-{number}", DIALOGUES, settings, adapters[name])
        job_attempts.run(folder, respond_job.run)
        return (folder / "responses.jsonl").read_bytes()

    alone = {}
    for name in adapters:
        base_model.forget()
        alone[name] = answer(name, 0)
    assert len(set(alone.values())) == len(alone)
    base_model.forget()
    loaded.clear()
    for number, name in enumerate(("base", "0", "base", "0", "1", "base", "2", "base", "0"), start=1):
        assert answer(name, number) == alone[name], (number, name)
    # Once, and after the adapter with biases, which changes the base model's own.
    assert len(loaded) == 2
    other = msgspec.structs.replace(student, source="other weights")
    base_model.forget()
    with base_model.for_answering(student, "cpu", torch.float32, None) as first:
        pass
    with base_model.for_answering(student, "cpu", torch.float32, None) as second:
        assert second is first
    with base_model.for_answering(other, "cpu", torch.float32, None) as third:
        assert third is not first
    with pytest.raises(KeyError), base_model.for_answering(other, "cpu", torch.float32, None):
        raise KeyError
    with base_model.for_answering(other, "cpu", torch.float32, None) as fourth:
        assert fourth is not third
