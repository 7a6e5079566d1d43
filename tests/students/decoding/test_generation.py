"""Answers in batches with a shared beginning are the answers one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig, MistralConfig, MistralForCausalLM

from core.config.schema import Responding, Student
from core.students.chat import chat_format
from core.students.decoding.generation import GeneratedText, Generator
from core.students.models import loading
from tests.support import tiny_student

START = "You are in a conversation. Answer what the speaker says, with empathy. Context: "
PROMPTS = [
    START + "I moved. Utterance: Every evening is so quiet.",
    START + "We won the cup. Utterance: I still cannot believe it, we really did it!",
    START + "My train was late, again. Utterance: Hm.",
    START + "I planted a tree in the garden with my father. Utterance: It blooms today.",
    START + "Nothing. Utterance: Hi.",
]
GREEDY = Responding(max_new_tokens=12)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    student = Student(model=str(tiny_student.make(tmp_path_factory.mktemp("student"))))
    model = loading.load_model(student, "cpu", torch.float32)
    return model.eval(), chat_format.load(student)


def test_a_batch_answers_as_one_by_one(tiny: tuple[Any, Any]) -> None:
    model, chat = tiny
    together = Generator(model, chat, PROMPTS)
    assert together.shared > 20
    batched = together.answer(range(len(PROMPTS)), GREEDY)
    alone = [Generator(model, chat, [prompt]).answer([0], GREEDY)[0] for prompt in PROMPTS]
    assert batched == alone


def collected(generator: Generator, settings: Responding) -> list[GeneratedText]:
    found: dict[int, GeneratedText] = {}
    for part in generator.answers(range(len(PROMPTS)), settings, "max_new_tokens", pytest.fail):
        found |= dict(part)
    return [found[i] for i in range(len(PROMPTS))]


@pytest.mark.parametrize("template", [True, False])
@pytest.mark.parametrize("stop_strings", [(), ("e", "or")])
def test_answers_that_leave_the_batch_are_those_of_a_batch(
    tmp_path: Path, template: bool, stop_strings: tuple[str, ...]
) -> None:
    folder = tiny_student.make(tmp_path, template=template)
    student = Student(model=str(folder), stop_strings=stop_strings)
    model, chat = loading.load_model(student, "cpu", torch.float32), chat_format.load(student)
    one_by_one = [Generator(model, chat, [prompt]).answer([0], GREEDY)[0] for prompt in PROMPTS]
    for size in (1, 2, 16):
        settings = Responding(max_new_tokens=12, batch_size=size)
        assert collected(Generator(model, chat, PROMPTS), settings) == one_by_one


def test_sampled_answers_are_those_of_their_batches(tiny: tuple[Any, Any]) -> None:
    sampled = Responding(max_new_tokens=12, batch_size=2, do_sample=True, temperature=1.5)
    generator = Generator(*tiny, PROMPTS)
    expected: dict[int, GeneratedText] = {}
    for batch in generator.batches(2):
        expected |= dict(zip(batch, generator.answer(batch, sampled), strict=True))
    assert dict(enumerate(collected(generator, sampled))) == expected
    (last,) = generator.answers([3], sampled, "max_new_tokens", pytest.fail)
    assert last == [(3, expected[3])]


def test_the_shared_beginning_changes_nothing(tiny: tuple[Any, Any]) -> None:
    model, chat = tiny
    generator = Generator(model, chat, PROMPTS)
    with_cache = generator.answer([0, 2, 4], GREEDY)
    generator.shared = 0
    assert generator.answer([0, 2, 4], GREEDY) == with_cache


def test_the_cache_serves_more_than_one_batch(tiny: tuple[Any, Any]) -> None:
    generator = Generator(*tiny, PROMPTS)
    first = generator.answer([0, 1], GREEDY)
    generator.answer([2, 3, 4], GREEDY)
    assert generator.answer([0, 1], GREEDY) == first


def test_prompts_of_one_kind_only(tiny: tuple[Any, Any]) -> None:
    same = Generator(*tiny, [PROMPTS[0]] * 3)
    answers = same.answer([0, 1, 2], GREEDY)
    assert answers[0] == answers[1] == answers[2]


def test_a_cut_answer_says_so(tiny: tuple[Any, Any]) -> None:
    (answer,) = Generator(*tiny, PROMPTS[:1]).answer([0], Responding(max_new_tokens=1))
    assert answer.finish == "length"


def test_an_answer_ends_at_the_end_token(tiny: tuple[Any, Any]) -> None:
    model, chat = tiny
    generator = Generator(model, chat, PROMPTS)
    words = chat.tokenizer("I am here", add_special_tokens=False)["input_ids"]
    answer = generator._decoded([*words, chat.end_id, *words])
    assert (answer.text, answer.finish) == ("I am here", "stop")


@pytest.mark.parametrize("decoding", [GREEDY, Responding(max_new_tokens=12, do_sample=True)])
def test_only_the_settings_decide_how_it_decodes(tiny: tuple[Any, Any], decoding: Responding) -> None:
    model, chat = tiny
    expected = Generator(model, chat, PROMPTS).answer([0, 1], decoding)
    own = model.generation_config
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=9.0, top_k=3, repetition_penalty=5.0, eos_token_id=own.eos_token_id
    )
    try:
        assert Generator(model, chat, PROMPTS).answer([0, 1], decoding) == expected
    finally:
        model.generation_config = own


def test_a_model_with_a_sliding_window_shares_nothing(tiny: tuple[Any, Any]) -> None:
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "max_position_embeddings": 512,
    }
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    model = MistralForCausalLM(
        MistralConfig(vocab_size=len(tiny[1].tokenizer), sliding_window=16, **sizes, **heads)
    )
    generator = Generator(model.eval(), tiny[1], PROMPTS)
    assert generator.shared > 20
    batched = generator.answer(range(len(PROMPTS)), GREEDY)
    assert generator.shared == 0
    assert batched == [Generator(model, tiny[1], [prompt]).answer([0], GREEDY)[0] for prompt in PROMPTS]


def test_batches_hold_every_prompt_once(tiny: tuple[Any, Any]) -> None:
    generator = Generator(*tiny, PROMPTS)
    batches = generator.batches(2)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert sorted(i for batch in batches for i in batch) == list(range(len(PROMPTS)))


def test_a_sampled_answer_does_not_depend_on_what_came_before(tiny: tuple[Any, Any]) -> None:
    sampled = Responding(max_new_tokens=12, do_sample=True, temperature=1.5)
    generator = Generator(*tiny, PROMPTS)
    batches = generator.batches(2)
    in_order = [generator.answer(batch, sampled) for batch in batches]
    assert generator.answer(batches[-1], sampled) == in_order[-1]
    other_seed = Responding(max_new_tokens=12, do_sample=True, temperature=1.5, seed=7)
    assert [generator.answer(batch, other_seed) for batch in batches] != in_order


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_device_is_there(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loading.pick_device(device) in ("cpu", "cuda", "mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert loading.pick_device("auto") == "cuda"
