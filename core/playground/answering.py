"""Answers of students, some tokens at a time, so that several of them come side by side."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from transformers.generation.stopping_criteria import StoppingCriteria

from core.config.schema import Responding
from core.domain.errors import UserError
from core.playground.records import AnswerFinish, PlaygroundAnswer
from core.students.chat.chat_format import ChatFormat
from core.students.decoding import continuous
from core.students.decoding.generation import Generator
from core.students.decoding.generation_config import configuration, decoding
from core.students.models import memory
from core.students.models.adapters import SharedModel
from core.teachers.protocol import Message

#: Seconds between two reports of an answer that grows.
_REPORT_S = 0.04


class StudentAnswer:
    """One student's answer to a conversation, in progress.

    `report` is called with the answer as far as it has come; `is_cancelled` after each token.
    """

    def __init__(
        self,
        name: str,
        model: SharedModel,
        adapter: Path | None,
        chat: ChatFormat,
        messages: Sequence[Message],
        sampling: Responding,
        report: Callable[[PlaygroundAnswer], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Raises `UserError` if the conversation is longer than the model allows."""
        self.name = name
        self._model, self._adapter, self._chat = model, adapter, chat
        self._report, self._is_cancelled = report, is_cancelled
        turns = [{"role": message.role, "content": message.content} for message in messages]
        with model.answering(adapter) as loaded:
            generator = Generator(loaded, chat, [turns])
            generator.check_length(1, "the length of an answer")
            self._limit = generator.new_tokens_that_fit(sampling.max_new_tokens)
            self._ends = frozenset(chat.stops_of(loaded))
        self._prompt = generator.tokens[0]
        self._sampling = sampling
        self._tokens: list[int] = []
        self._cache: Any = None
        self._random: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self._began = self._seconds = self._reported = 0.0
        self._first_token_s: float | None = None
        self._is_stopped = False
        self._is_at_once = False

    def step(self, tokens: int) -> PlaygroundAnswer | None:
        """Go on for so many tokens; the answer if it is finished. Raises `UserError` if memory runs out."""
        left = self._limit - len(self._tokens)
        try:
            self._generate(left if self._is_at_once else min(tokens, left))
        except (RuntimeError, MemoryError) as error:
            if not memory.is_out_of_memory(error):
                raise
            is_full = True
        else:
            is_full = False
        if is_full:
            self._cache = None
            memory.free()
            raise UserError(
                "out of memory: ask fewer responders, lower max_new_tokens, or begin a new conversation"
            )
        is_ended = self._tokens[-1] in self._ends or self._chat.response(self._tokens).is_stopped
        if not (is_ended or self._is_stopped or len(self._tokens) >= self._limit):
            return None
        found = self._so_far()
        if is_ended:
            return found
        return _replace(found, "stopped" if self._is_stopped else "length")

    def stopped(self) -> PlaygroundAnswer:
        """The answer as far as it has come."""
        return _replace(self._so_far(), "stopped")

    def failed(self, error: str) -> PlaygroundAnswer:
        """The answer as far as it has come, with why it does not go on."""
        return msgspec.structs.replace(self._so_far(), finish="failed", error=error)

    def _generate(self, count: int) -> None:
        self._began = time.monotonic()
        before = len(self._tokens)
        # One token more than the cache: the newest one is not in it yet.
        ids = [*self._prompt, *self._tokens]
        decoded_by = copy.copy(
            configuration(
                self._sampling,
                sorted(self._ends),
                self._chat.tokenizer.pad_token_id,
                self._chat.stop_strings,
            )
        )
        decoded_by.max_new_tokens = count
        decoded_by.return_dict_in_generate = True
        with (
            self._model.answering(self._adapter) as model,
            decoding(model, decoded_by),
            torch.inference_mode(),
        ):
            given = torch.tensor([ids], device=model.device)
            if self._sampling.do_sample:
                self._restore_random(model.device)
            output = model.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                past_key_values=self._cache,
                generation_config=decoded_by,
                stopping_criteria=[_TokenWatch(self, before)],
                tokenizer=self._chat.tokenizer,
            )
            if self._sampling.do_sample:
                self._keep_random(model.device)
        self._tokens = self._tokens[:before] + output.sequences[0, len(ids) :].tolist()
        self._cache = output.past_key_values
        if not continuous.is_plain(self._cache):
            # It may not go on from here: all is computed again, once.
            self._cache, self._is_at_once = None, True
        self._seconds += time.monotonic() - self._began

    def see(self, tokens: list[int]) -> bool:
        """Note the tokens of the answer so far; whether it must stop."""
        now = time.monotonic()
        self._tokens = tokens
        if self._first_token_s is None:
            self._first_token_s = self._seconds + now - self._began
        if now - self._reported >= _REPORT_S:
            self._reported = now
            found = self._so_far(now - self._began)
            # The first bytes of a character, whose others are still to come.
            text = found.text.rstrip("\ufffd")
            self._report(msgspec.structs.replace(found, text=text))
        self._is_stopped = self._is_stopped or self._is_cancelled()
        return self._is_stopped

    def _so_far(self, more_s: float = 0.0) -> PlaygroundAnswer:
        end = next((i for i, token in enumerate(self._tokens) if token in self._ends), None)
        response = self._chat.response(self._tokens[:end])
        return PlaygroundAnswer(
            responder=self.name,
            text=response.text,
            finish="stop",
            tokens=len(self._tokens),
            first_token_s=self._first_token_s,
            seconds=self._seconds + more_s,
            had_thinking=response.has_thinking,
        )

    def _restore_random(self, device: torch.device) -> None:
        """Go on with this answer's random numbers: those of the others do not change it."""
        if self._random is None:
            torch.manual_seed(self._sampling.seed)
            return
        cpu, own = self._random
        torch.set_rng_state(cpu)
        if own is not None:
            torch.get_device_module(device).set_rng_state(own)

    def _keep_random(self, device: torch.device) -> None:
        own = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state()
        self._random = (torch.get_rng_state(), own)


class _TokenWatch(StoppingCriteria):
    """Reports each token, and stops when the answer must stop."""

    def __init__(self, answer: StudentAnswer, before: int) -> None:
        self._answer = answer
        self._prompt: int | None = None
        self._before = before

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        if self._prompt is None:
            # Its first call is after one new token.
            self._prompt = input_ids.shape[1] - 1 - self._before
        stops = self._answer.see(input_ids[0, self._prompt :].tolist())
        return torch.full((input_ids.shape[0],), stops, dtype=torch.bool, device=input_ids.device)


def _replace(answer: PlaygroundAnswer, finish: AnswerFinish) -> PlaygroundAnswer:
    return msgspec.structs.replace(answer, finish=finish)
