"""Answers of a student to prompts, in batches that compute the prompts' shared beginning once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from core.config import Responding


@dataclass(frozen=True)
class Answer:
    """Only the new text; `finish` is `length` when the limit of new tokens cut it."""

    text: str
    finish: Literal["stop", "length"]


class Generator:
    """A student ready to answer prompts of one user turn each.

    All prompts are given at once, so that the tokens with which every one of them begins pass
    through the model a single time: their key-value cache serves every batch.
    """

    def __init__(self, model: Any, tokenizer: Any, prompts: Sequence[str]) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.tokens = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=True
            )["input_ids"]
            for prompt in prompts
        ]
        self.shared = _shared(self.tokens)
        self._cache: Any = None

    def batches(self, size: int) -> list[list[int]]:
        """Indices of the prompts in batches of like length; the same for the same prompts."""
        by_length = sorted(range(len(self.tokens)), key=lambda i: (-len(self.tokens[i]), i))
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]

    def answer(self, batch: Sequence[int], settings: Responding) -> list[Answer]:
        """The answers to the prompts of these indices.

        When sampling, the seed is the settings' and the batch's first index: an answer does not
        depend on what was answered before it.
        """
        device = self.model.device
        rests = [self.tokens[i][self.shared :] for i in batch]
        width = max(len(rest) for rest in rests)
        pad = self.tokenizer.pad_token_id
        prefix = self.tokens[batch[0]][: self.shared]
        # The padding lies between the shared beginning and the rest; positions follow the mask.
        ids = torch.tensor([prefix + [pad] * (width - len(rest)) + rest for rest in rests], device=device)
        mask = torch.tensor(
            [[1] * self.shared + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device
        )
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if settings.do_sample:
            torch.manual_seed(settings.seed + batch[0])
            sampling = {"do_sample": True, "temperature": settings.temperature, "top_p": settings.top_p}
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=self._prefix(prefix, len(batch)),
                max_new_tokens=settings.max_new_tokens,
                pad_token_id=pad,
                **sampling,
            )
        return [self._decoded(row) for row in output[:, ids.shape[1] :].tolist()]

    def _prefix(self, prefix: list[int], rows: int) -> Any:
        """The key-value cache of the shared beginning, for `rows` prompts; None if there is none."""
        if not prefix:
            return None
        if self._cache is None:
            ids = torch.tensor([prefix], device=self.model.device)
            with torch.inference_mode():
                self._cache = self.model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _decoded(self, row: list[int]) -> Answer:
        ends = {self.tokenizer.eos_token_id}
        also = self.model.generation_config.eos_token_id
        ends |= set(also) if isinstance(also, list) else {also}
        end = next((i for i, token in enumerate(row) if token in ends), None)
        text = self.tokenizer.decode(row[:end], skip_special_tokens=True).strip()
        return Answer(text, "length" if end is None else "stop")


def _shared(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with, short of the end of the shortest."""
    if len(sequences) < 2:
        return 0
    shortest = min(len(sequence) for sequence in sequences)
    for i in range(shortest - 1):
        if any(sequence[i] != sequences[0][i] for sequence in sequences):
            return i
    return shortest - 1
