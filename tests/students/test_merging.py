"""A merged model answers as its adapter does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from core.config.schema import Responding, Student
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.merging import merge
from core.students.models import loading
from tests.support.records.training_attempts import TrainingInputs
from tests.training.conftest import Trained

PROMPTS = ["I feel so lonely in this town.", "I won the race, and nobody came to see it!"]


def logits_and_answers(model: object, chat: ChatFormat) -> tuple[torch.Tensor, list[str]]:
    """Logits on a prompt, and the greedy answers to all of them."""
    generator = Generator(model, chat, PROMPTS)
    answers = generator.answer([0, 1], Responding(max_new_tokens=24))
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([generator.tokens[0]])).logits  # type: ignore[operator]
    return logits, [answer.text for answer in answers]


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_merged_model_answers_as_its_adapter_does(
    stage: str, made: TrainingInputs, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    trained: Trained = request.getfixturevalue(stage)
    chat = chat_format.load(made.student)
    folder = merge(made.student, trained.adapter, tmp_path / "merged")
    adapted = loading.load_model(made.student, "cpu", torch.float32, trained.adapter).eval()
    merged = AutoModelForCausalLM.from_pretrained(folder).eval()
    base = loading.load_model(made.student, "cpu", torch.float32).eval()
    wanted, answers = logits_and_answers(adapted, chat)
    got, merged_answers = logits_and_answers(merged, chat_format.load(Student(model=str(folder))))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    assert merged_answers == answers
    assert not torch.allclose(logits_and_answers(base, chat)[0], wanted, atol=1e-3)
    # It is a student like any other, and the adapter is in it.
    assert loading.load_tokenizer(Student(model=str(folder))).chat_template == chat.tokenizer.chat_template
