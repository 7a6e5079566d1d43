"""Generating responses in batches; the prefix that all prompts share is computed once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import GenerationConfig

from core.config.schema import Responding
from core.domain.errors import UserError
from core.students.chat.chat_format import ChatFormat
from core.students.decoding import continuous
from core.students.decoding.continuous import ContinuousBatch
from core.students.decoding.generation_config import configuration, decoding
from core.students.models import checkpoint_checks, memory


@dataclass(frozen=True)
class GeneratedText:
    """The generated text, without the prompt."""

    text: str
    """Without thinking."""
    finish: Literal["stop", "length"]
    """`length` if the text was cut at the maximum number of new tokens."""
    had_thinking: bool
    """Whether thinking was removed from it."""


class Generator:
    """Generates responses to prompts: each is one user message, or the messages of a conversation.

    It takes all prompts at once. The key-value cache of their shared prefix is computed once and reused for
    each batch. `shared` is the length of the prefix in tokens. Raises `UserError` if the model has no
    embedding for a token.
    """

    def __init__(
        self, model: Any, chat: ChatFormat, prompts: Sequence[str | Sequence[Mapping[str, str]]]
    ) -> None:
        self.model = model
        self.chat = chat
        self.tokens = [chat.prompt(prompt) for prompt in prompts]
        checkpoint_checks.check_tokens(chat.model, model, chat.tokenizer, self.tokens)
        self.shared = _common_prefix(self.tokens)
        self._ends = chat.stops_of(model)
        self._cache: Any = None
        #: The largest batch that fits into memory; None while no batch failed.
        self._fits: int | None = None

    def batches(self, size: int) -> list[list[int]]:
        """Batches of prompts of similar length, as indices; the same for the same prompts."""
        by_length = sorted(range(len(self.tokens)), key=lambda i: (-len(self.tokens[i]), i))
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]

    def new_tokens_that_fit(self, wanted: int) -> int:
        """The tokens that an answer may have, at most `wanted`, until the model has no more positions."""
        positions = checkpoint_checks.positions_of(self.model)
        if positions is None:
            return wanted
        return max(1, min(wanted, positions - max(map(len, self.tokens), default=0)))

    def check_length(self, max_new_tokens: int, setting: str) -> None:
        """Raise `UserError` if prompts and answers need more positions than the model has.

        `setting` names what limits the answers.
        """
        longest = max(map(len, self.tokens), default=0)
        checkpoint_checks.check_positions(
            self.chat.model,
            self.model,
            longest + max_new_tokens,
            f"with {setting} = {max_new_tokens}, the longest prompt and its answer may have",
            f"lower {setting} or shorten the prompt, which has up to {longest} tokens",
        )

    def answers(
        self, wanted: Iterable[int], settings: Responding, setting: str, warn: Callable[[str], None]
    ) -> Iterator[list[tuple[int, GeneratedText]]]:
        """The responses to prompts with their indices, some at a time, as they are finished.

        `settings.batch_size` prompts are answered at the same time. Greedy, a finished one leaves the batch
        and the next takes its place, if the model allows it. With sampling, batches are those of `batches`,
        whatever is wanted of them. Batches become smaller, and `warn` and `setting` are used, as by
        `answer_within_memory`.
        """
        left = set(wanted)
        if settings.do_sample or not self._shares_prefix():
            for prompts in self.batches(settings.batch_size):
                if left.intersection(prompts):
                    answers = self.answer_within_memory(prompts, settings, setting, warn)
                    yield [(i, answer) for i, answer in zip(prompts, answers, strict=True) if i in left]
            return
        decoded_by = self._configuration(settings)
        batch: ContinuousBatch | None = None
        width = settings.batch_size
        while left:
            if batch is None:
                width = min(self._fits or width, len(left))
                batch = ContinuousBatch(
                    self.model,
                    self.chat.tokenizer,
                    self.tokens,
                    sorted(left),
                    self._cache,
                    self.shared,
                    width,
                    decoded_by,
                )
            found = self._step_if_it_fits(batch, decoded_by)
            if found is None:
                batch = None
                self._reduce(width, setting, warn)
            elif found:
                left.difference_update(i for i, _ in found)
                yield found

    def _step_if_it_fits(
        self, batch: ContinuousBatch, decoded_by: GenerationConfig
    ) -> list[tuple[int, GeneratedText]] | None:
        """As `_answer_if_it_fits`, the answers of one step."""
        try:
            with decoding(self.model, decoded_by), torch.inference_mode():
                return [(i, self._decoded(tokens)) for i, tokens in batch.step()]
        except (RuntimeError, MemoryError) as error:
            if not memory.is_out_of_memory(error):
                raise
            return None

    def _shares_prefix(self) -> bool:
        """Whether the prompts share a prefix whose cache can be reused."""
        with torch.inference_mode(), decoding(self.model, self._configuration(Responding())):
            self._compute_prefix()
        return self.shared > 0

    def _configuration(self, settings: Responding) -> GenerationConfig:
        padding = self.chat.tokenizer.pad_token_id
        return configuration(settings, self._ends, padding, self.chat.stop_strings)

    def _reduce(self, rows: int, setting: str, warn: Callable[[str], None]) -> None:
        """Have smaller batches after one of so many rows did not fit into memory. Raises `UserError`."""
        memory.free()
        if rows == 1:
            raise UserError(
                f"out of memory while answering one prompt at a time: lower {setting}, or use "
                'runs.dtype = "bfloat16", a smaller model or another device'
            )
        self._fits = rows // 2
        warn(f"out of memory while answering {rows} prompts at a time: the next batches have {self._fits}")

    def answer_within_memory(
        self, batch: Sequence[int], settings: Responding, setting: str, warn: Callable[[str], None]
    ) -> list[GeneratedText]:
        """As `answer`, in smaller batches once memory has run out: half as large each time, down to one.

        `warn` is called each time; `setting` names what limits the answers. Raises `UserError` when the
        memory does not suffice for one prompt.
        """
        found: list[GeneratedText] = []
        while len(found) < len(batch):
            part = batch[len(found) :][: self._fits]
            answers = self._answer_if_it_fits(part, settings)
            if answers is not None:
                found += answers
                continue
            self._reduce(len(part), setting, warn)
        return found

    def _answer_if_it_fits(self, batch: Sequence[int], settings: Responding) -> list[GeneratedText] | None:
        """The answers; None if memory runs out. The error, which holds tensors, is gone when this returns."""
        try:
            return self.answer(batch, settings)
        except (RuntimeError, MemoryError) as error:
            if not memory.is_out_of_memory(error):
                raise
            return None

    def answer(self, batch: Sequence[int], settings: Responding) -> list[GeneratedText]:
        """Generate responses to the prompts with these indices.

        With sampling, the seed is that of the settings plus the batch's first index, so that a response does
        not depend on the batches before it.
        """
        decoded_by = self._configuration(settings)
        with decoding(self.model, decoded_by), torch.inference_mode():
            return self._answer(batch, settings, decoded_by)

    def _answer(
        self, batch: Sequence[int], settings: Responding, decoded_by: GenerationConfig
    ) -> list[GeneratedText]:
        device = self.model.device
        self._compute_prefix()
        rests = [self.tokens[i][self.shared :] for i in batch]
        width = max(len(rest) for rest in rests)
        pad = decoded_by.pad_token_id
        prefix = self.tokens[batch[0]][: self.shared]
        # The padding is between the shared prefix and the rest; positions follow the attention mask.
        ids = torch.tensor([prefix + [pad] * (width - len(rest)) + rest for rest in rests], device=device)
        mask = torch.tensor(
            [[1] * self.shared + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device
        )
        if settings.do_sample:
            torch.manual_seed(settings.seed + batch[0])
        output = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=self._prefix(len(batch)),
            generation_config=decoded_by,
            tokenizer=self.chat.tokenizer,
        )
        return [self._decoded(row) for row in output[:, ids.shape[1] :].tolist()]

    def _compute_prefix(self) -> None:
        """Compute the shared prefix's cache once. Models with another kind of cache share nothing."""
        if not self.shared or self._cache is not None:
            return
        ids = torch.tensor([self.tokens[0][: self.shared]], device=self.model.device)
        keep = {"logits_to_keep": 1} if self.model._supports_logits_to_keep() else {}
        cache: Any = getattr(self.model(input_ids=ids, use_cache=True, **keep), "past_key_values", None)
        if continuous.is_plain(cache):
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
        response = self.chat.response(row[:end])
        is_cut = end is None and not response.is_stopped
        return GeneratedText(response.text, "length" if is_cut else "stop", response.has_thinking)


def _common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """The length of the common prefix, which ends at the latest before the last token of the shortest."""
    if len(sequences) < 2:
        return 0
    shortest = min(len(sequence) for sequence in sequences)
    for i in range(shortest - 1):
        if any(sequence[i] != sequences[0][i] for sequence in sequences):
            return i
    return shortest - 1
