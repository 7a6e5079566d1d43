"""A Hugging Face model in this process as teacher."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import torch

from core.config.schema import Responding, Student, Teacher
from core.jobs.records import BatchRecord
from core.jobs.settings import Placement
from core.students import loading
from core.students.generation import Generator
from core.teachers.protocol import Account, Reply, Request
from core.teachers.request_queue import Desk, new_token

#: Requests that are answered together.
_BATCH = 16
#: Seconds between two looks at what another job is about to answer.
_LOOK_S = 1.0


def ask(desk: Desk, placement: Placement) -> None:
    """Answer everything that is not answered, and anew what cannot be used.

    Raises `UserError` when the model cannot be loaded.
    """
    torch.set_num_threads(desk.job.spec.threads)
    loaded = None
    while True:
        with desk.ledger.locked():
            todo = desk.todo(tries=1)
            if todo:
                token = new_token()
                desk.submit(token, "local", Account("local", "", ""), todo, None)
        if not todo:
            if not desk.is_waiting():
                return
            desk.job.wait(_LOOK_S)
            continue
        loaded = loaded or _load(desk.teacher, placement)
        _answer(desk, token, Generator(*loaded, [_messages(request) for request in todo]), todo)


def _load(teacher: Teacher, placement: Placement) -> tuple[Any, Any]:
    student = Student(model=teacher.model)
    place = loading.pick_device(placement.device)
    tokenizer = loading.load_tokenizer(student)
    return loading.load_model(student, place, loading.pick_dtype(placement.dtype, place)).eval(), tokenizer


def _answer(desk: Desk, token: str, generator: Generator, todo: list[Request]) -> None:
    decoding = _decoding(desk.teacher)
    desk.job.journal.write(BatchRecord(token, "in_progress", total=len(todo)))
    began, done = time.monotonic(), 0
    for batch in generator.batches(_BATCH):
        desk.job.check()
        replies = generator.answer(batch, decoding)
        for i, reply in zip(batch, replies, strict=True):
            answer = Reply(reply.text, reply.finish, None)
            record = desk.answer(token, 1, todo[i].key, todo[i].dialog_id, answer)
            desk.job.journal.write(record)
        done += len(batch)
        desk.ledger.refresh()
        desk.tell(eta_s=(len(todo) - done) * (time.monotonic() - began) / done)
    desk.job.journal.write(BatchRecord(token, "completed", completed=done, total=len(todo), collected=True))
    desk.ledger.refresh()


def _messages(request: Request) -> list[dict[str, str]]:
    return [msgspec.to_builtins(message) for message in request.messages]


def _decoding(teacher: Teacher) -> Responding:
    """Greedy unless a temperature is given: the model's own settings are not taken."""
    return Responding(
        max_new_tokens=teacher.max_output_tokens,
        do_sample=bool(teacher.temperature),
        temperature=teacher.temperature or 1.0,
        top_p=1.0 if teacher.top_p is None else teacher.top_p,
        seed=42 if teacher.seed is None else teacher.seed,
    )
