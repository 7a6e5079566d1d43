"""Greedy answers of a batch that prompts leave and join are, token for token, those of plain `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from core.config.schema import Responding
from core.students.decoding import continuous
from core.students.decoding.continuous import ContinuousBatch
from core.students.decoding.generation_config import configuration, decoding

_SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_GPT2: dict[str, Any] = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
ARCHITECTURES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", _SIZES),
    "llama, tied": ("llama", _SIZES | {"tie_word_embeddings": True}),
    "qwen2": ("qwen2", _SIZES),
    "qwen3": ("qwen3", _SIZES | {"head_dim": 16}),
    "mistral without a window": ("mistral", _SIZES | {"sliding_window": None}),
    "gemma": ("gemma", _SIZES | {"head_dim": 16}),
    "phi": ("phi", _SIZES | {"num_key_value_heads": 4}),
    "gpt2": ("gpt2", _GPT2 | {"eos_token_id": 2, "pad_token_id": 0}),
    "olmo2": ("olmo2", _SIZES),
    "mixtral": (
        "mixtral",
        _SIZES | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    ),
}
PADDING = 0
NEW = 16


def make(name: str, seed: int = 0) -> Any:
    kind, sizes = ARCHITECTURES[name]
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Larger weights: otherwise a random model says the same whatever it is asked.
            parameter.mul_(6)
    return model


def prompts(count: int = 11, shared: int = 9, seed: int = 1) -> list[list[int]]:
    """Prompts with a common beginning, of many lengths, two of them equal."""
    draw = torch.Generator().manual_seed(seed)
    prefix = torch.randint(3, 96, (shared,), generator=draw).tolist()
    rests = [
        torch.randint(3, 96, (1 + int(torch.randint(0, 12, (1,), generator=draw)),), generator=draw).tolist()
        for _ in range(count - 1)
    ]
    return [prefix + rest for rest in (*rests, rests[0])]


def alone(model: Any, tokens: list[list[int]], ends: list[int], new: int = NEW) -> list[list[int]]:
    """The tokens that `generate` writes after each prompt by itself."""
    decoded_by = configuration(Responding(max_new_tokens=new), ends, PADDING)
    with decoding(model, decoded_by), torch.inference_mode():
        rows = [
            model.generate(input_ids=torch.tensor([prompt]), generation_config=decoded_by)
            for prompt in tokens
        ]
    return [row[0, len(prompt) :].tolist() for row, prompt in zip(rows, tokens, strict=True)]


def together(
    model: Any, tokens: list[list[int]], ends: list[int], width: int, shared: int = 9, new: int = NEW
) -> list[list[int]]:
    decoded_by = configuration(Responding(max_new_tokens=new), ends, PADDING)
    with torch.inference_mode():
        prefix = model(input_ids=torch.tensor([tokens[0][:shared]]), use_cache=True).past_key_values
    assert continuous.is_plain(prefix)
    batch = ContinuousBatch(model, None, tokens, range(len(tokens)), prefix, shared, width, decoded_by)
    found: dict[int, list[int]] = {}
    while not batch.is_done:
        with decoding(model, decoded_by), torch.inference_mode():
            for prompt, answer in batch.step():
                assert prompt not in found
                found[prompt] = answer
    return [found[i] for i in range(len(tokens))]


def ends_of(answers: list[list[int]], count: int) -> list[int]:
    """End tokens that stop many of the answers, each elsewhere."""
    position: dict[int, set[int]] = {}
    for answer in answers:
        for token in answer:
            position.setdefault(token, set()).add(answer.index(token))
    return [2, *sorted(position, key=lambda token: (-len(position[token]), token))[:count]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_tokens_are_those_of_generate(name: str) -> None:
    model, tokens = make(name), prompts()
    ends = ends_of(alone(model, tokens, [2]), 3)
    expected = alone(model, tokens, ends)
    assert len({len(answer) for answer in expected}) > 1, "answers of one length show nothing"
    for width in (4, 20):
        assert together(model, tokens, ends, width) == expected, width


@pytest.mark.parametrize("seed", range(3))
def test_many_prompts_go_through_few_rows(seed: int) -> None:
    """Or through a single one."""
    model, tokens = make("llama", seed), prompts(24, 5, seed)
    ends = ends_of(alone(model, tokens, [2]), 4)
    assert together(model, tokens, ends, 1 + 2 * seed, shared=5) == alone(model, tokens, ends)


@pytest.mark.parametrize("ends", [[2], [2, 5], [95], list(range(1, 96, 2))], ids=len)
def test_any_end_tokens_will_do(ends: list[int]) -> None:
    model, tokens = make("qwen2"), prompts()
    assert together(model, tokens, ends, 4) == alone(model, tokens, ends)


def test_an_end_token_may_be_the_padding() -> None:
    model, tokens = make("llama"), prompts()
    ends = [PADDING, *ends_of(alone(model, tokens, [2]), 3)]
    assert together(model, tokens, ends, 4) == alone(model, tokens, ends)


def test_equal_logits_are_decided_alike() -> None:
    model, tokens = make("llama"), prompts()
    with torch.no_grad():
        # Each token has a twin with the same logit.
        model.lm_head.weight[48:] = model.lm_head.weight[:48]
    expected = alone(model, tokens, [2, 7])
    assert all(token < 48 for answer in expected for token in answer)
    assert together(model, tokens, [2, 7], 4) == expected


@pytest.mark.parametrize("new", [1, 2, 3])
def test_short_answers_are_whole(new: int) -> None:
    model, tokens = make("llama"), prompts()
    ends = ends_of(alone(model, tokens, [2]), 3)
    assert together(model, tokens, ends, 3, new=new) == alone(model, tokens, ends, new)


def test_old_columns_make_space_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuous, "_SPARE_COLUMNS", 1)
    removed: list[int] = []
    remove = continuous._Layer.remove

    def count(layer: Any, begin: int, columns: int) -> None:
        removed.append(columns)
        remove(layer, begin, columns)

    monkeypatch.setattr(continuous._Layer, "remove", count)
    model, tokens = make("qwen3"), prompts(20)
    ends = ends_of(alone(model, tokens, [2]), 3)
    assert together(model, tokens, ends, 3) == alone(model, tokens, ends)
    assert removed
