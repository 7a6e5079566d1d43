"""What the trainers are given: prompts as at test time, answers with their end, and what max_length takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from core.config.schema import Student, Training
from core.domain.errors import UserError
from core.jobs.records import Warned
from core.recipes import examples as sft_examples
from core.recipes.examples import PreferencePair, SftExample
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.models import loading
from core.teachers.protocol import Message
from core.training.data import tokenized_data
from core.training.training_job import prepare
from tests.support import tiny_student
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.conftest import Trained

PROMPT = (Message("user", "I moved."),)
SHORT = (Message("assistant", "Oh."),)
LONG = (Message("assistant", "I can hear how much this means to you. " * 8),)


@pytest.fixture(scope="module")
def chat(tiny: Path) -> ChatFormat:
    return chat_format.load(Student(model=str(tiny)))


def test_rows_are_the_prompt_of_a_test_and_an_answer_with_its_end(chat: ChatFormat) -> None:
    data = tokenized_data.sft(chat, [SftExample("1", PROMPT, SHORT)], Training())
    (row,) = data.rows
    prompt = chat.prompt("I moved.")
    assert row["input_ids"][: len(prompt)] == prompt
    assert row["labels"] == [-100] * len(prompt) + chat.completion("Oh.")
    assert row["labels"][-1] == chat.end_id
    (pair,) = tokenized_data.dpo(chat, [PreferencePair("1", PROMPT, LONG, SHORT)], Training()).rows
    assert pair["prompt_ids"] == prompt
    assert pair["rejected_ids"] == chat.completion("Oh.")
    assert pair["chosen_ids"][-1] == chat.end_id


def test_what_max_length_takes_is_counted(chat: ChatFormat) -> None:
    fits = len(chat.prompt("I moved.")) + len(chat.completion("Oh."))
    endless = (Message("user", "I moved. " * 40),)
    allowed = Training(max_length=fits, max_truncated=1.0)
    examples = [
        SftExample("1", PROMPT, SHORT),
        SftExample("2", PROMPT, LONG),
        SftExample("3", endless, SHORT),
    ]
    data = tokenized_data.sft(chat, examples, allowed)
    assert (len(data.rows), data.truncated, data.left_out) == (2, 1, 1)
    assert data.rows[0]["labels"][-1] == chat.end_id
    assert chat.end_id not in data.rows[1]["labels"]
    pairs = [PreferencePair("1", PROMPT, SHORT, LONG), PreferencePair("2", PROMPT, SHORT, SHORT)]
    preferences = tokenized_data.dpo(chat, pairs, allowed)
    assert (preferences.truncated, preferences.left_out) == (1, 0)


def test_too_many_truncated_examples_are_refused(chat: ChatFormat) -> None:
    examples = [SftExample(str(i), PROMPT, SHORT) for i in range(49)]
    limit = len(chat.prompt("I moved.")) + len(chat.completion("Oh."))
    assert tokenized_data.sft(chat, [*examples, SftExample("x", PROMPT, LONG)], Training(max_length=limit))
    with pytest.raises(
        UserError,
        match=rf"2 of 50 examples are longer than max_length = {limit} .*sft\.max_truncated.* 0\.02",
    ):
        tokenized_data.sft(
            chat, [*examples[1:], *[SftExample("x", PROMPT, LONG)] * 2], Training(max_length=limit)
        )
    with pytest.raises(UserError, match=r"1 of 1 examples .*raise dpo\.max_length .*longest has \d+ tokens"):
        tokenized_data.dpo(chat, [PreferencePair("1", PROMPT, SHORT, LONG)], Training(max_length=limit))


def test_a_run_says_what_was_truncated(made: TrainingInputs) -> None:
    whole = prepare(job_attempts.context(made.attempt("sft")), "cpu", torch.float32).data.train
    limit = max(len(row["input_ids"]) for row in whole.rows) - 1
    folder = made.attempt("sft", max_length=limit, max_truncated=1.0, max_steps=1)
    result = training_attempts.run(folder)
    assert result.truncated is not None
    assert 0 < result.truncated < len(whole.rows)
    assert result.left_out == 0
    (warned,) = job_attempts.found(folder, Warned)
    assert f"truncates {result.truncated} examples" in warned.text


def test_the_result_names_the_end_token(sft: Trained, dpo: Trained) -> None:
    for trained in (sft, dpo):
        assert (trained.result.end_token, trained.result.truncated) == ("<|im_end|>", 0)


def test_a_student_with_another_eos_token_learns_the_end_of_its_template(tmp_path: Path) -> None:
    """As base models have it whose chat template is that of the instruct model."""
    folder = tiny_student.make(tmp_path / "base")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.eos_token = "<|pad|>"
    tokenizer.save_pretrained(folder)
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | {"eos_token_id": tokenizer.eos_token_id}))
    inputs = TrainingInputs(tmp_path / "jobs", folder)
    sft_examples.write(inputs.sft, [SftExample(str(i), PROMPT, SHORT) for i in range(4)])
    trained = inputs.attempt("sft", learning_rate=1e-2, max_steps=8, per_device_train_batch_size=2)
    result = training_attempts.run(trained)
    assert result.end_token == "<|im_end|>"
    chat = chat_format.load(inputs.student)
    tokens = chat.prompt("I moved.") + chat.completion("Oh.")
    base, learned = (
        loading.load_model(inputs.student, "cpu", torch.float32, adapter)
        for adapter in (None, trained / "adapter")
    )
    assert tokens[-1] in chat.stops_of(learned)
    assert _log_probability(learned, tokens) > _log_probability(base, tokens)


def _log_probability(model: Any, tokens: list[int]) -> float:
    """Of the last token after those before it."""
    with torch.inference_mode():
        logits = model.eval()(input_ids=torch.tensor([tokens[:-1]])).logits[0, -1]
    return float(torch.log_softmax(logits, -1)[tokens[-1]])
