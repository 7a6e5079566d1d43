"""Answers of a model to prompts, in batches that compute the prompts' shared beginning once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from core.config.schema import Responding

#: `generate` fills what it is not told from the model's own generation_config.json; a penalty or a top_k
#: there would make the responders of a comparison decode differently, and not as config.toml says.
_NEUTRAL: dict[str, Any] = {
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_new_tokens": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "top_k": None,
    "min_p": None,
    "typical_p": None,
    "temperature": None,
    "top_p": None,
}


@dataclass(frozen=True)
class GeneratedText:
    """Only the new text; `finish` is `length` when the limit of new tokens cut it."""

    text: str
    finish: Literal["stop", "length"]


class Generator:
    """A model ready to answer prompts, each one user turn or the messages of a conversation.

    All of them are given at once, so that the tokens with which every one of them begins pass
    through the model a single time: their key-value cache serves every batch. `shared` is how many
    they are.
    """

    def __init__(
        self, model: Any, tokenizer: Any, prompts: Sequence[str | Sequence[Mapping[str, str]]]
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.tokens = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt),
                add_generation_prompt=True,
                return_dict=True,
            )["input_ids"]
            for prompt in prompts
        ]
        self.shared = _shared(self.tokens)
        own = model.generation_config.eos_token_id
        ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
        self._ends: list[int] = sorted(ends - {None})
        self._cache: Any = None

    def batches(self, size: int) -> list[list[int]]:
        """Indices of the prompts in batches of like length; the same for the same prompts."""
        by_length = sorted(range(len(self.tokens)), key=lambda i: (-len(self.tokens[i]), i))
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]

    def answer(self, batch: Sequence[int], settings: Responding) -> list[GeneratedText]:
        """The answers to the prompts of these indices.

        When sampling, the seed is the settings' and the batch's first index: an answer does not
        depend on what was answered before it.
        """
        device = self.model.device
        self._begin()
        rests = [self.tokens[i][self.shared :] for i in batch]
        width = max(len(rest) for rest in rests)
        pad = self.tokenizer.pad_token_id
        prefix = self.tokens[batch[0]][: self.shared]
        # The padding lies between the shared beginning and the rest; positions follow the mask.
        ids = torch.tensor([prefix + [pad] * (width - len(rest)) + rest for rest in rests], device=device)
        mask = torch.tensor(
            [[1] * self.shared + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device
        )
        decoding = _NEUTRAL | {"do_sample": settings.do_sample}
        if settings.do_sample:
            torch.manual_seed(settings.seed + batch[0])
            decoding |= {"temperature": settings.temperature, "top_p": settings.top_p}
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=self._prefix(len(batch)),
                max_new_tokens=settings.max_new_tokens,
                pad_token_id=pad,
                eos_token_id=self._ends or None,
                **decoding,
            )
        return [self._decoded(row) for row in output[:, ids.shape[1] :].tolist()]

    def _begin(self) -> None:
        """Compute the shared beginning, once; share nothing with a model that remembers otherwise.

        Only full attention can skip the padding that lies behind the beginning: a recurrent state
        would have taken it in, and a sliding window counts it.
        """
        if not self.shared or self._cache is not None:
            return
        ids = torch.tensor([self.tokens[0][: self.shared]], device=self.model.device)
        keep = {"logits_to_keep": 1} if self.model._supports_logits_to_keep() else {}
        with torch.inference_mode():
            cache: Any = getattr(self.model(input_ids=ids, use_cache=True, **keep), "past_key_values", None)
        if type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers):
            self._cache = cache
        else:
            self.shared = 0

    def _prefix(self, rows: int) -> Any:
        """A copy of the shared beginning's key-value cache for `rows` prompts; None if nothing is shared."""
        if not self.shared:
            return None
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _decoded(self, row: list[int]) -> GeneratedText:
        end = next((i for i, token in enumerate(row) if token in self._ends), None)
        text = self.tokenizer.decode(row[:end], skip_special_tokens=True).strip()
        return GeneratedText(text, "length" if end is None else "stop")


def _shared(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with, short of the end of the shortest."""
    if len(sequences) < 2:
        return 0
    shortest = min(len(sequence) for sequence in sequences)
    for i in range(shortest - 1):
        if any(sequence[i] != sequences[0][i] for sequence in sequences):
            return i
    return shortest - 1
