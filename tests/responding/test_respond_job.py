"""The responding job: the test split, each dialogue once, whatever happened before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from peft import LoraConfig, get_peft_model

from core.config.schema import Responding, Student
from core.domain.errors import Cancelled, UserError
from core.jobs.context import Job, read_spec
from core.jobs.journal import (
    Artifact,
    Journal,
    Progress,
    Response,
)
from core.responding import student_job as respond
from core.students import loading
from tests.support import job_attempts, tiny_student
from tests.support.synthetic_dialogues import synthetic_dialogues

DIALOGUES = synthetic_dialogues(rows=48)
TEST = [dialogue for dialogue in DIALOGUES if dialogue.split == "test"]
PROMPT = "You are in a conversation. Context: {situation}\nUtterance: {utterance}\nResponse:"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    student = Student(model=str(tiny_student.make(tmp_path_factory.mktemp("student"))))
    return {
        "student": msgspec.to_builtins(student),
        "responding": msgspec.to_builtins(Responding(max_new_tokens=8, batch_size=5)),
        "prompt": PROMPT,
        "device": "cpu",
        "dtype": "auto",
    }


def test_it_answers_the_test_split_and_nothing_else(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = job_attempts.attempt(tmp_path / "1", "respond", DIALOGUES, settings)
    result = job_attempts.run(folder, respond.run)
    lines = [msgspec.json.decode(line) for line in (folder / "responses.jsonl").read_bytes().splitlines()]
    assert [line["dialog_id"] for line in lines] == [dialogue.dialog_id for dialogue in TEST]
    assert result["responses"] == len(TEST)
    assert result["cut"] == sum(line["finish"] == "length" for line in lines)
    assert not any("You are in a conversation" in line["text"] for line in lines)
    assert [artifact.name for artifact in job_attempts.found(folder, Artifact)] == ["responses"]
    assert job_attempts.found(folder, Progress)[-1].done == len(TEST)


def test_an_adapter_answers_in_its_own_words(settings: dict[str, Any], tmp_path: Path) -> None:
    student = msgspec.convert(settings["student"], Student)
    base = loading.load_model(student, "cpu", torch.float32)
    torch.manual_seed(0)
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(base, lora).save_pretrained(tmp_path / "adapter")
    plain = job_attempts.attempt(tmp_path / "1", "respond", DIALOGUES, settings)
    inputs = {"adapter": tmp_path / "adapter"}
    adapted = job_attempts.attempt(tmp_path / "2", "respond", DIALOGUES, settings, inputs)
    one = settings | {"responding": msgspec.to_builtins(Responding(max_new_tokens=8, batch_size=1))}
    alone = job_attempts.attempt(tmp_path / "3", "respond", DIALOGUES, one, inputs)
    for folder in (plain, adapted, alone):
        job_attempts.run(folder, respond.run)
    written = (adapted / "responses.jsonl").read_bytes()
    assert written != (plain / "responses.jsonl").read_bytes()
    assert written == (alone / "responses.jsonl").read_bytes()


@pytest.mark.parametrize("sampled", [False, True])
def test_a_new_attempt_goes_on_where_the_old_one_was_cut(
    settings: dict[str, Any], tmp_path: Path, sampled: bool
) -> None:
    responding = Responding(max_new_tokens=8, batch_size=5, do_sample=sampled)
    settings = settings | {"responding": msgspec.to_builtins(responding)}
    whole = job_attempts.attempt(tmp_path / "whole", "respond", DIALOGUES, settings)
    job_attempts.run(whole, respond.run)
    cut = tmp_path / "cut"
    cut.mkdir()
    lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
    # In the middle of a record of the second batch.
    (cut / "journal.jsonl").write_bytes(b"".join(lines[:8]) + lines[8][:10])
    kept = job_attempts.found(cut, Response)
    assert 0 < len(kept) < len(TEST)
    again = job_attempts.attempt(tmp_path / "again", "respond", DIALOGUES, settings, prior=[cut])
    job_attempts.run(again, respond.run)
    assert (again / "responses.jsonl").read_bytes() == (whole / "responses.jsonl").read_bytes()


def test_what_was_answered_is_not_asked_again(settings: dict[str, Any], tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    journal = Journal(before)
    journal.write(*(Response(dialogue.dialog_id, "kept", "stop") for dialogue in TEST))
    journal.close()
    folder = job_attempts.attempt(tmp_path / "1", "respond", DIALOGUES, settings, prior=[before])
    job_attempts.run(folder, respond.run)
    assert {response.text for response in job_attempts.found(folder, Response)} == {"kept"}


def test_an_answer_of_a_torn_batch_stays(settings: dict[str, Any], tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    journal = Journal(before)
    journal.write(Response(TEST[0].dialog_id, "kept", "stop"))
    journal.close()
    folder = job_attempts.attempt(tmp_path / "1", "respond", DIALOGUES, settings, prior=[before])
    job_attempts.run(folder, respond.run)
    found = job_attempts.found(folder, Response)
    assert sorted(response.dialog_id for response in found) == sorted(d.dialog_id for d in TEST)
    assert [response.text for response in found if response.dialog_id == TEST[0].dialog_id] == ["kept"]


def test_it_stops_when_told_to(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = job_attempts.attempt(tmp_path / "1", "respond", DIALOGUES, settings)
    job = Job(folder, read_spec(folder), Journal(folder))
    job.stop.set()
    with pytest.raises(Cancelled):
        respond.run(job)
    job.journal.close()
    assert job_attempts.found(folder, Response) == []


def test_without_a_test_dialogue_it_says_why(settings: dict[str, Any], tmp_path: Path) -> None:
    train = [dialogue for dialogue in DIALOGUES if dialogue.split == "train"]
    folder = job_attempts.attempt(tmp_path / "1", "respond", train, settings)
    with pytest.raises(UserError, match="no test dialogue"):
        job_attempts.run(folder, respond.run)
