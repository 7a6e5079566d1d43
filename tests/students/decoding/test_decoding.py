"""Decoding follows config.toml alone, whatever a checkpoint brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from core.config.schema import Responding, Student
from core.domain.errors import UserError
from core.students.chat import chat_format
from core.students.decoding.generation import GeneratedText, Generator
from core.students.models import loading
from tests.students.altered_student import altered

PROMPTS = [f"Context: I moved {n} times. Utterance: It is so quiet here! Response:" for n in range(5)]
GREEDY = Responding(max_new_tokens=10)
SAMPLED = Responding(max_new_tokens=10, do_sample=True, temperature=0.8, top_p=0.9)


def generator(student: Path) -> Generator:
    chosen = Student(model=str(student))
    model = loading.load_model(chosen, "cpu", torch.float32)
    return Generator(model, chat_format.load(chosen), PROMPTS)


def answers(student: Path, settings: Responding = GREEDY) -> list[GeneratedText]:
    return generator(student).answer(range(len(PROMPTS)), settings)


@pytest.mark.parametrize(
    "own",
    [
        {"return_dict_in_generate": True, "output_scores": True},
        {"stop_strings": ["e", "a"]},
        {"cache_implementation": "static"},
        {"num_return_sequences": 2},
        {"num_beams": 2, "early_stopping": True},
        {"exponential_decay_length_penalty": [2, 2.0]},
        {"encoder_repetition_penalty": 1.5, "repetition_penalty": 2.0},
        {"min_new_tokens": 9, "suppress_tokens": [70, 71], "bad_words_ids": [[72]]},
        {"prompt_lookup_num_tokens": 3},
        {"use_cache": False},
        {"temperature": "hot", "max_length": -3},
    ],
    ids=lambda own: next(iter(own)),
)
def test_the_checkpoints_own_settings_change_nothing(own: dict[str, Any], tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other", "generation_config.json", **own)
    for settings in (GREEDY, SAMPLED):
        assert answers(other, settings) == answers(tiny, settings)


def test_the_cache_is_on_whatever_the_model_says(tiny: Path, tmp_path: Path) -> None:
    made = generator(altered(tiny, tmp_path / "slow", use_cache=False))
    widths = []
    made.model.register_forward_pre_hook(
        lambda module, given, named: widths.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    made.answer([0, 1], GREEDY)
    # The shared prefix, the rest of the prompts, then a token at a time.
    assert widths[2:] == [1] * len(widths[2:])
    assert made.answer([0, 1], GREEDY) == generator(tiny).answer([0, 1], GREEDY)


def test_the_end_tokens_of_the_checkpoint_are_kept(tiny: Path, tmp_path: Path) -> None:
    other = altered(tiny, tmp_path / "other", "generation_config.json", eos_token_id=[2, 70, 99_999])
    assert loading.load_model(
        Student(model=str(other)), "cpu", torch.float32
    ).generation_config.eos_token_id == [
        2,
        70,
    ]


def test_a_damaged_configuration_is_named(tiny: Path, tmp_path: Path) -> None:
    damaged = altered(tiny, tmp_path / "damaged", "generation_config.json")
    (damaged / "generation_config.json").write_text('{"eos_token_id": [2,')
    with pytest.raises(UserError, match=r"generation_config.json of the student .* is not JSON"):
        generator(damaged)


def test_a_model_is_left_as_it_was(tiny: Path) -> None:
    made = generator(tiny)
    made.model.train()
    own = made.model.generation_config
    made.answer([0, 1], SAMPLED)
    assert made.model.training
    assert made.model.generation_config is own


class Memory:
    """Lets `generate` run out of memory for more than `rows` prompts at a time."""

    def __init__(self, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        generate = LlamaForCausalLM.generate

        def limited(model: Any, *args: Any, **kwargs: Any) -> Any:
            self.sizes.append(len(kwargs["input_ids"]))
            if self.sizes[-1] > rows:
                torch.empty(1 << 60, dtype=torch.uint8)
            return generate(model, *args, **kwargs)

        monkeypatch.setattr(LlamaForCausalLM, "generate", limited)


def test_a_batch_is_halved_when_memory_runs_out(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = answers(tiny)
    memory = Memory(2, monkeypatch)
    made, warnings = generator(tiny), list[str]()
    batch = range(len(PROMPTS))
    assert made.answer_within_memory(batch, GREEDY, "responding.max_new_tokens", warnings.append) == wanted
    assert memory.sizes == [5, 2, 2, 1]
    assert warnings == [
        "out of memory while answering 5 prompts at a time: the next batches have 2",
    ]
    made.answer_within_memory(batch, GREEDY, "responding.max_new_tokens", warnings.append)
    assert memory.sizes[4:] == [2, 2, 1]


def test_fewer_rows_are_answered_when_memory_runs_out(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = answers(tiny)
    Memory(2, monkeypatch)
    warnings: list[str] = []
    parts = generator(tiny).answers(range(len(PROMPTS)), GREEDY, "max_new_tokens", warnings.append)
    assert dict(answer for part in parts for answer in part) == dict(enumerate(wanted))
    assert warnings == ["out of memory while answering 5 prompts at a time: the next batches have 2"]


def test_too_little_memory_for_one_prompt_is_said(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(0, monkeypatch)
    made, warnings = generator(tiny), list[str]()
    with pytest.raises(UserError, match=r"one prompt at a time: lower max_output_tokens"):
        made.answer_within_memory([0, 1, 2, 3], GREEDY, "max_output_tokens", warnings.append)
    assert len(warnings) == 2
