"""Training data as tokens: the prompts that the student will be given, and answers with their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import datasets
import msgspec

from core.config.schema import Training
from core.domain.errors import UserError
from core.domain.states import Stage
from core.recipes.examples import PreferencePair, SftExample
from core.students.chat.chat_format import ChatFormat
from core.teachers.protocol import Message

#: The label of tokens without a loss.
NO_LOSS = -100


@dataclass(frozen=True)
class TokenizedData:
    """The rows of a trainer's dataset, and what `max_length` did to them."""

    rows: list[dict[str, list[int]]]
    """Each row's columns of tokens, under TRL's names."""
    dialogues: list[str]
    """The dialogue's id of each row."""
    truncated: int
    """Examples longer than `max_length`, whose answers lose their end."""
    left_out: int
    """Examples whose prompt alone fills `max_length`: they have no row."""
    max_length: int
    """Tokens of an example at most."""

    def sequences(self) -> Iterator[list[int]]:
        """The tokens that a model is given in training."""
        for sequences in self.by_row():
            yield from sequences

    def by_row(self) -> Iterator[list[list[int]]]:
        """The same for each row: one sequence of an SFT example, two of a preference pair."""
        for row in self.rows:
            if "input_ids" in row:
                yield [row["input_ids"]]
            else:
                responses = row["chosen_ids"], row["rejected_ids"]
                yield [(row["prompt_ids"] + response)[: self.max_length] for response in responses]

    def dataset(self) -> datasets.Dataset:
        return datasets.Dataset.from_list(self.rows)


def sft(chat: ChatFormat, examples: Sequence[SftExample], training: Training) -> TokenizedData:
    """Rows of TRL's tokenised format, with the loss on completions only.

    Raises `UserError` when `max_length` truncates more examples than `max_truncated` allows.
    """
    rows = []
    dialogues = []
    truncated = 0
    longest = 0
    for example in examples:
        prompt, completion = _prompt(chat, example.prompt), _completion(chat, example.completion)
        longest = max(longest, len(prompt) + len(completion))
        if len(prompt) >= training.max_length:
            continue
        truncated += len(prompt) + len(completion) > training.max_length
        ids = (prompt + completion)[: training.max_length]
        labels = ([NO_LOSS] * len(prompt) + completion)[: training.max_length]
        rows.append({"input_ids": ids, "labels": labels})
        dialogues.append(example.dialog_id)
    data = TokenizedData(rows, dialogues, truncated, len(examples) - len(rows), training.max_length)
    return _checked("sft", data, training, longest)


def dpo(chat: ChatFormat, pairs: Sequence[PreferencePair], training: Training) -> TokenizedData:
    """Rows of the columns that TRL's collator for preferences reads, which truncates them.

    Raises `UserError` as `sft` does; a pair counts as truncated if one of its responses is.
    """
    rows = []
    dialogues = []
    truncated = 0
    longest = 0
    for pair in pairs:
        prompt = _prompt(chat, pair.prompt)
        chosen, rejected = _completion(chat, pair.chosen), _completion(chat, pair.rejected)
        length = len(prompt) + max(len(chosen), len(rejected))
        longest = max(longest, length)
        if len(prompt) >= training.max_length:
            continue
        truncated += length > training.max_length
        rows.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
        dialogues.append(pair.dialog_id)
    data = TokenizedData(rows, dialogues, truncated, len(pairs) - len(rows), training.max_length)
    return _checked("sft-dpo", data, training, longest)


def _prompt(chat: ChatFormat, messages: Sequence[Message]) -> list[int]:
    return chat.prompt([msgspec.to_builtins(message) for message in messages])


def _completion(chat: ChatFormat, messages: Sequence[Message]) -> list[int]:
    (answer,) = messages
    return chat.completion(answer.content)


def _checked(stage: Stage, data: TokenizedData, training: Training, longest: int) -> TokenizedData:
    limit = training.max_length
    if not data.rows:
        raise UserError(f"every prompt has at least max_length = {limit} tokens: raise it in config.toml")
    total, lost = len(data.rows) + data.left_out, data.truncated + data.left_out
    if lost > training.max_truncated * total:
        table = "sft" if stage == "sft" else "dpo"
        raise UserError(
            f"{lost} of {total} examples are longer than max_length = {limit} tokens, and would lose the "
            f"token that ends an answer: raise {table}.max_length in config.toml (the longest has {longest} "
            f"tokens), or allow it with {table}.max_truncated, which is {training.max_truncated:g}"
        )
    return data
