"""Generating responses in batches; the prefix that all prompts share is computed once."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from core.config.schema import Responding
from core.students.chat_format import ChatFormat

#: `generate` takes unset options from the model's own generation_config.json. A repetition penalty or top_k
#: there would make the responders of a comparison decode differently from each other and from config.toml.
_DEFAULTS: dict[str, Any] = {
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
    """The generated text, without the prompt."""

    text: str
    finish: Literal["stop", "length"]
    """`length` if the text was cut at the maximum number of new tokens."""


class Generator:
    """Generates responses to prompts: each is one user message, or the messages of a conversation.

    It takes all prompts at once. The key-value cache of their shared prefix is computed once and reused for
    each batch. `shared` is the length of the prefix in tokens.
    """

    def __init__(
        self, model: Any, chat: ChatFormat, prompts: Sequence[str | Sequence[Mapping[str, str]]]
    ) -> None:
        self.model = model
        self.chat = chat
        self.tokens = [chat.prompt(prompt) for prompt in prompts]
        self.shared = _common_prefix(self.tokens)
        self._ends = chat.stops_of(model)
        self._cache: Any = None

    def batches(self, size: int) -> list[list[int]]:
        """Batches of prompts of similar length, as indices; the same for the same prompts."""
        by_length = sorted(range(len(self.tokens)), key=lambda i: (-len(self.tokens[i]), i))
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]

    def answer(self, batch: Sequence[int], settings: Responding) -> list[GeneratedText]:
        """Generate responses to the prompts with these indices.

        With sampling, the seed is that of the settings plus the batch's first index, so that a response does
        not depend on the batches before it.
        """
        device = self.model.device
        self._compute_prefix()
        rests = [self.tokens[i][self.shared :] for i in batch]
        width = max(len(rest) for rest in rests)
        pad = self.chat.tokenizer.pad_token_id
        prefix = self.tokens[batch[0]][: self.shared]
        # The padding is between the shared prefix and the rest; positions follow the attention mask.
        ids = torch.tensor([prefix + [pad] * (width - len(rest)) + rest for rest in rests], device=device)
        mask = torch.tensor(
            [[1] * self.shared + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device
        )
        decoding = _DEFAULTS | {"do_sample": settings.do_sample}
        if settings.do_sample:
            torch.manual_seed(settings.seed + batch[0])
            decoding |= {"temperature": settings.temperature, "top_p": settings.top_p}
        if self.chat.stop_strings:
            decoding |= {"stop_strings": list(self.chat.stop_strings), "tokenizer": self.chat.tokenizer}
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=self._prefix(len(batch)),
                max_new_tokens=settings.max_new_tokens,
                pad_token_id=pad,
                eos_token_id=self._ends,
                **decoding,
            )
        return [self._decoded(row) for row in output[:, ids.shape[1] :].tolist()]

    def _compute_prefix(self) -> None:
        """Compute the shared prefix's cache once. Models with another kind of cache share nothing.

        Only full attention can skip the padding after the prefix: a recurrent state would include it, and a
        sliding window would count it.
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
        """A copy of the prefix's key-value cache for `rows` prompts; None if there is no shared prefix."""
        if not self.shared:
            return None
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _decoded(self, row: list[int]) -> GeneratedText:
        end = next((i for i, token in enumerate(row) if token in self._ends), None)
        text, is_stopped = self.chat.text(row[:end])
        return GeneratedText(text, "length" if end is None and not is_stopped else "stop")


def _common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """The length of the common prefix, which ends at the latest before the last token of the shortest."""
    if len(sequences) < 2:
        return 0
    shortest = min(len(sequence) for sequence in sequences)
    for i in range(shortest - 1):
        if any(sequence[i] != sequences[0][i] for sequence in sequences):
            return i
    return shortest - 1
