"""Greedy decoding in which finished answers leave the batch, and the next prompts take their places.

It calls Transformers' `generate` for some tokens at a time, on a key-value cache that it edits between the
calls. The cache has a row for each prompt that is being answered: the shared prefix, a gap where another
prompt was longer, the rest of the prompt, and the answer so far. A mask hides the gap, and positions follow
the mask.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.cache_utils import DynamicCache, DynamicLayer
from transformers.generation.stopping_criteria import EosTokenCriteria, StoppingCriteria, StopStringCriteria

#: Columns beyond those that the longest prompt and answer need. When they are full, the oldest are removed.
_SPARE_COLUMNS = 64


def is_plain(cache: Any) -> bool:
    """Whether each layer of a cache keeps the keys and values of all tokens, and nothing else.

    Only full attention can skip a gap: a recurrent state would include it, and a sliding window count it.
    """
    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)


@dataclass
class _BatchRow:
    """A prompt that is being answered."""

    prompt: int
    tokens: list[int] = field(default_factory=list)
    """Of its answer."""
    is_finished: bool = False


class ContinuousBatch:
    """Answers prompts, given as tokens, `width` at a time, the longest prompts first.

    `prefix` is the plain cache of the first `shared` tokens, which all prompts have in common. Call `step`
    within `decoding` until `is_done`.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        tokens: Sequence[Sequence[int]],
        prompts: Sequence[int],
        prefix: DynamicCache,
        shared: int,
        width: int,
        decoded_by: GenerationConfig,
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._tokens = tokens
        self._waiting = sorted(prompts, key=lambda i: (-len(tokens[i]), i))
        self._prefix, self._shared = prefix, shared
        self._width = width
        self._config = decoded_by
        self._stops: list[StoppingCriteria] = [EosTokenCriteria(decoded_by.eos_token_id)]
        if decoded_by.stop_strings:
            self._stops.append(StopStringCriteria(tokenizer, decoded_by.stop_strings))
        longest = max((len(tokens[i]) for i in prompts), default=shared) - shared
        #: The most columns of the cache: what the longest prompt and answer need, and some to spare.
        self._capacity = shared + longest + decoded_by.max_new_tokens + _SPARE_COLUMNS
        self._rows: list[_BatchRow] = []
        self._cache: Any = None
        # One column more than the cache: the newest token of each row, which is not in it yet.
        self._ids = self._mask = torch.empty(0)

    @property
    def is_done(self) -> bool:
        """Whether every prompt has its answer."""
        return not self._waiting and all(row.is_finished for row in self._rows)

    def step(self) -> list[tuple[int, list[int]]]:
        """Go on until some answers are finished: those prompts, and the tokens of their answers.

        Nothing is lost if it raises an error: all prompts without an answer can be given to another batch.
        """
        self._fill()
        found = self._taken()
        if not found:
            self._shrink()
            self._continue()
            found = self._taken()
        return found

    def _taken(self) -> list[tuple[int, list[int]]]:
        """The finished answers that were not taken before."""
        finished = [row for row in self._rows if row.is_finished and row.tokens]
        found = [(row.prompt, row.tokens) for row in finished]
        for row in finished:
            row.tokens = []
        return found

    def _fill(self) -> None:
        """Compute the next prompts, with the first token of their answers, and give them the free rows."""
        if not self._rows:
            self._rows = [
                _BatchRow(-1, is_finished=True) for _ in range(min(self._width, len(self._waiting)))
            ]
        free = [i for i, row in enumerate(self._rows) if row.is_finished][: len(self._waiting)]
        if not free:
            return
        prompts, self._waiting = self._waiting[: len(free)], self._waiting[len(free) :]
        ids, mask, cache = self._started(prompts)
        if self._cache is None:
            self._cache, self._ids, self._mask = cache, ids, mask
        else:
            self._insert(free, ids, mask, cache)
        finished = self._stopped(ids)
        for i, prompt, token, is_finished in zip(
            free, prompts, ids[:, -1].tolist(), finished.tolist(), strict=True
        ):
            is_finished = is_finished or self._config.max_new_tokens == 1
            self._rows[i] = _BatchRow(prompt, [token], is_finished)

    def _started(self, prompts: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, Any]:
        """Tokens, mask and cache of prompts and the first token of each answer."""
        rests = [list(self._tokens[i][self._shared :]) for i in prompts]
        width = max(map(len, rests))
        prefix = list(self._tokens[prompts[0]][: self._shared])
        gaps = [width - len(rest) for rest in rests]
        device, padding = self._model.device, self._config.pad_token_id
        ids = torch.tensor(
            [prefix + [padding] * gap + rest for gap, rest in zip(gaps, rests, strict=True)], device=device
        )
        mask = torch.ones_like(ids)
        for row, gap in enumerate(gaps):
            mask[row, self._shared : self._shared + gap] = 0
        # The first prompts are the longest, and their cache is the one that all others come into.
        capacity = self._capacity if self._cache is None else self._shared + width
        cache = _expanded(self._prefix, len(prompts), capacity)
        return self._generate(ids, mask, cache, 1), _with_column(mask), cache

    def _insert(self, free: Sequence[int], ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> None:
        """Put prompts into free rows. They end where the others end."""
        rows = torch.tensor(free, device=ids.device)
        width = ids.shape[1] - self._shared
        self._ids[rows, self._shared :] = self._config.pad_token_id
        self._mask[rows, self._shared :] = 0
        self._ids[rows, -width:] = ids[:, -width:]
        self._mask[rows, -width:] = mask[:, -width:]
        for own, new in zip(self._cache.layers, cache.layers, strict=True):
            own.insert(rows, new, width - 1)

    def _shrink(self) -> None:
        """Remove finished rows when no prompt waits for them and they are at least half of all."""
        kept = [i for i, row in enumerate(self._rows) if not row.is_finished]
        if self._waiting or not kept or len(kept) * 2 > len(self._rows):
            return
        rows = torch.tensor(kept, device=self._ids.device)
        self._ids, self._mask = self._ids[rows], self._mask[rows]
        self._cache.batch_select_indices(rows)
        self._rows = [self._rows[i] for i in kept]

    def _continue(self) -> None:
        """Go on with all rows until enough of them are finished."""
        answering = [i for i, row in enumerate(self._rows) if not row.is_finished]
        if not answering:
            return
        count = self._config.max_new_tokens - max(len(self._rows[i].tokens) for i in answering)
        if self._ids.shape[1] - 1 + count > self._capacity:
            self._remove_oldest_columns(answering)
            count = min(count, self._capacity - self._ids.shape[1] + 1)
        wanted = -(-len(answering) // 4) if self._waiting else -(-len(answering) // 2)
        pause = _Pause(self._stops, torch.tensor(answering, device=self._ids.device), wanted, len(self._rows))
        begin = self._ids.shape[1]
        self._ids = self._generate(self._ids, self._mask, self._cache, count, pause)
        self._mask = _with_column(self._mask, self._ids.shape[1] - begin)
        for i in answering:
            row, end = self._rows[i], int(pause.ends[i])
            row.tokens += self._ids[i, begin : end or None].tolist()
            row.is_finished = bool(end) or len(row.tokens) == self._config.max_new_tokens

    def _remove_oldest_columns(self, answering: Sequence[int]) -> None:
        """Remove the columns after the prefix that no unfinished row uses."""
        used = self._mask[list(answering), self._shared :].any(dim=0)
        unused = int(used.int().argmax())
        if not unused:
            return
        keep = [*range(self._shared), *range(self._shared + unused, self._ids.shape[1])]
        self._ids, self._mask = self._ids[:, keep], self._mask[:, keep]
        for layer in self._cache.layers:
            layer.remove(self._shared, unused)

    def _stopped(self, ids: torch.Tensor) -> torch.Tensor:
        return _any(self._stops, ids)

    def _generate(
        self, ids: torch.Tensor, mask: torch.Tensor, cache: Any, count: int, pause: Any = None
    ) -> torch.Tensor:
        config = copy.copy(self._config)
        config.max_new_tokens = count
        # The criteria of the pause look for stop strings.
        config.stop_strings = None
        found: torch.Tensor = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            generation_config=config,
            stopping_criteria=None if pause is None else [pause],
            tokenizer=self._tokenizer,
        )
        return found


class _Layer(DynamicLayer):
    """A layer's cache in a buffer of its final size: a new token does not copy all the others."""

    def __init__(self, prefix: DynamicLayer, rows: int, capacity: int) -> None:
        super().__init__()
        self.lazy_initialization(prefix.keys, prefix.values)
        length = prefix.get_seq_length()
        # Zeros: a gap is hidden by the mask, but must hold numbers.
        self._buffers = [
            part.new_zeros((rows, part.shape[1], capacity, part.shape[3]))
            for part in (prefix.keys, prefix.values)
        ]
        for buffer, part in zip(self._buffers, (prefix.keys, prefix.values), strict=True):
            buffer[:, :, :length] = part
        self._show(length)

    def _show(self, length: int) -> None:
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        begin = self.get_seq_length()
        end = begin + key_states.shape[-2]
        for buffer, part in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, begin:end] = part
        self._show(end)
        return self.keys, self.values

    def insert(self, rows: torch.Tensor, other: _Layer, columns: int) -> None:
        """Write the last columns of another cache over the last columns of these rows."""
        length = self.get_seq_length()
        for own, part in ((self.keys, other.keys), (self.values, other.values)):
            own[rows, :, length - columns :] = part[:, :, -columns:]

    def remove(self, begin: int, columns: int) -> None:
        """Remove so many columns from `begin` on; later ones move up."""
        length = self.get_seq_length()
        for buffer in self._buffers:
            buffer[:, :, begin : length - columns] = buffer[:, :, begin + columns : length].clone()
        self._show(length - columns)

    def crop(self, tokens_to_remove: int) -> None:
        self._show(self.get_seq_length() - abs(tokens_to_remove))

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        length = self.get_seq_length()
        self._buffers = [buffer[indices] for buffer in self._buffers]
        self._show(length)


class _Pause(StoppingCriteria):
    """Pauses all rows once `wanted` of those that are being answered are finished."""

    def __init__(
        self, stops: Sequence[StoppingCriteria], answering: torch.Tensor, wanted: int, rows: int
    ) -> None:
        self._stops, self._answering, self._wanted = stops, answering, wanted
        self.ends = torch.zeros(rows, dtype=torch.long, device=answering.device)
        """The length of each row with the last token of its answer; 0 while it is not finished."""

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.Tensor] | None, **kwargs: object
    ) -> torch.Tensor:
        done = _any(self._stops, input_ids)
        self.ends = torch.where((self.ends == 0) & done, input_ids.shape[1], self.ends)
        finished = self.ends > 0
        return finished | (finished[self._answering].sum() >= self._wanted)


def _any(stops: Sequence[StoppingCriteria], ids: torch.Tensor) -> torch.Tensor:
    done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for stop in stops:
        done |= stop(ids, None).to(done.device)
    return done


def _expanded(prefix: DynamicCache, rows: int, capacity: int) -> DynamicCache:
    """The prefix's cache in so many rows, with space for `capacity` columns."""
    cache = DynamicCache()
    cache.layers = [_Layer(layer, rows, capacity) for layer in prefix.layers]
    return cache


def _with_column(mask: torch.Tensor, columns: int = 1) -> torch.Tensor:
    """The mask with more columns at its end, of which nothing is hidden."""
    return torch.nn.functional.pad(mask, (0, columns), value=1)
