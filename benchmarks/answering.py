"""Answering the test split: our batches beside `generate` one by one and in batches, on real dialogues.

    python -m benchmarks.answering [--data dataset.csv] [--dialogues 96] [--peers 16] [--batch 16]

The embedded student in float32, greedy, with the default settings. `one by one` calls `generate` for each
prompt, as the paper's public code does; `batched` calls it for batches of padded prompts in the data's
order; `ours` shares the prefix of the prompts, sorts them by length, and lets finished answers leave. The
peers take much longer, and answer some of the dialogues only, spread over all. `CPU` is the ratio of the
processor's time, which other programs on the machine disturb less. `same` counts the answers that are those
of `one by one`. Without `--data` the path is in EMPATHY_REFERENCE_DATASET.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from core.config.schema import Responding, Student
from core.dialogues.importing.table import read_table
from core.prompts import templates
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.decoding.generation_config import configuration, decoding
from core.students.models import loading

STUDENT = Student(model=loading.EMBEDDED)
SETTINGS = Responding()

Answers = list[str]
#: Seconds on the clock and of the processor, of one answer.
Times = tuple[float, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMPATHY_REFERENCE_DATASET"))
    parser.add_argument("--dialogues", type=int, default=96, help="the first of the test split")
    parser.add_argument("--peers", type=int, default=16, help="how many of them `generate` answers")
    parser.add_argument("--batch", type=int, default=16, help="prompts of a batch of plain `generate`")
    options = parser.parse_args()
    if options.data is None:
        parser.error("name the dialogues with --data or in EMPATHY_REFERENCE_DATASET")
    transformers.utils.logging.disable_progress_bar()
    test = [d for d in read_table(options.data).dialogues if d.split == "test"][: options.dialogues]
    template = templates.load("student")
    prompts = [templates.render(template, situation=d.situation, utterance=d.utterance) for d in test]
    chat = chat_format.load(STUDENT)
    model = loading.load_model(STUDENT, "cpu", torch.float32)
    some = [i * len(prompts) // options.peers for i in range(options.peers)]
    few = [prompts[i] for i in some]
    ways: dict[str, Callable[[], Answers]] = {
        "one by one": lambda: plain(model, chat, few, 1),
        f"batched, {options.batch}": lambda: plain(model, chat, few, options.batch),
        "ours": lambda: ours(model, chat, prompts),
    }
    # The first call pays for what is set up once.
    plain(model, chat, prompts[:1], 1, new=2)
    times: dict[str, Times] = {}
    found: dict[str, Answers] = {}
    for name, way in ways.items():
        began = time.perf_counter(), time.process_time()
        answers = way()
        took = time.perf_counter() - began[0], time.process_time() - began[1]
        times[name] = took[0] / len(answers), took[1] / len(answers)
        found[name] = answers if len(answers) == len(some) else [answers[i] for i in some]
    print(
        f"{len(prompts)} dialogues, of which the peers answer {len(some)}; {torch.get_num_threads()} threads"
    )
    show(times, found)
    return 0


def plain(model: Any, chat: ChatFormat, prompts: Sequence[str], size: int, new: int | None = None) -> Answers:
    """The answers of `generate` to batches with padding on the left, without anything that is ours."""
    tokenizer = chat.tokenizer
    settings = Responding(max_new_tokens=new or SETTINGS.max_new_tokens)
    decoded_by = configuration(settings, chat.stops_of(model), tokenizer.pad_token_id)
    tokens = [chat.prompt(prompt) for prompt in prompts]
    answers = []
    for start in range(0, len(tokens), size):
        batch = tokenizer.pad(
            {"input_ids": tokens[start : start + size]}, padding_side="left", return_tensors="pt"
        )
        with decoding(model, decoded_by), torch.inference_mode():
            output = model.generate(**batch, generation_config=decoded_by)
        rows = output[:, batch["input_ids"].shape[1] :]
        answers += [text.strip() for text in tokenizer.batch_decode(rows, skip_special_tokens=True)]
    return answers


def ours(model: Any, chat: ChatFormat, prompts: Sequence[str]) -> Answers:
    generator = Generator(model, chat, prompts)
    found: dict[int, str] = {}
    for part in generator.answers(range(len(prompts)), SETTINGS, "responding.max_new_tokens", print):
        found.update((i, answer.text) for i, answer in part)
    return [found[i] for i in range(len(prompts))]


def show(times: dict[str, Times], found: dict[str, Answers]) -> None:
    alone, batched, _ = times
    print(f"{'':14} s an answer  CPU s  one by one    CPU  batched    CPU   same")
    for name, (wall, cpu) in times.items():
        ratios = [
            f"{peer / own:.2f}×"
            for other in (alone, batched)
            for peer, own in zip(times[other], (wall, cpu), strict=True)
        ]
        same = sum(a == b for a, b in zip(found[name], found[alone], strict=True))
        print(
            f"{name:14} {wall:11.2f} {cpu:6.2f} {ratios[0]:>11} {ratios[1]:>6} {ratios[2]:>8} {ratios[3]:>6} "
            f"{same:3} of {len(found[name])}"
        )


if __name__ == "__main__":
    sys.exit(main())
