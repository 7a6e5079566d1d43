"""A teacher that is a Hugging Face model in this process."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import torch

from core.config.schema import Student, Teacher
from core.jobs.records import BatchRecord, Waiting
from core.jobs.settings import Placement
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.models import loading
from core.teachers.local import decoding as local_decoding
from core.teachers.protocol import Account, Reply, Request
from core.teachers.requests.queue import GOES_ON, OTHER_JOB, OTHER_JOB_POLL_S, RequestQueue, new_token


def run(queue: RequestQueue, placement: Placement) -> None:
    """Answer pending requests until none is pending or open.

    Raises `UserError` when the model cannot be loaded.
    """
    torch.set_num_threads(queue.job.spec.threads)
    loaded = None
    waits_since = time.time()
    while True:
        with queue.ledger.locked():
            pending = queue.pending(tries=1)
            if pending:
                token = new_token()
                queue.submit(token, "local", Account("local", "", ""), pending, None)
        if not pending:
            if queue.is_waiting():
                queue.report_wait(Waiting(OTHER_JOB, waits_since))
                queue.job.wait(OTHER_JOB_POLL_S)
            elif not queue.release_more():
                queue.report_wait(GOES_ON)
                return
            continue
        queue.report_wait(GOES_ON)
        loaded = loaded or _load(queue.teacher, placement)
        _answer(queue, token, Generator(*loaded, [_messages(request) for request in pending]), pending)
        waits_since = time.time()


def _load(teacher: Teacher, placement: Placement) -> tuple[Any, ChatFormat]:
    student = Student(model=teacher.model)
    device = loading.pick_device(placement.device)
    chat = chat_format.load(student)
    return loading.load_model(student, device, loading.pick_dtype(placement.dtype, device)), chat


def _answer(queue: RequestQueue, token: str, generator: Generator, pending: list[Request]) -> None:
    decoding = local_decoding.decoding(queue.teacher)
    generator.check_length(decoding.max_new_tokens, "max_output_tokens")
    queue.record(BatchRecord(token, "in_progress", total=len(pending)))
    began, done = time.monotonic(), 0
    queue.job.check()
    for replies in generator.answers(range(len(pending)), decoding, "max_output_tokens", queue.job.warn):
        for i, reply in replies:
            result = Reply(reply.text, reply.finish, None)
            record = queue.answer_record(token, 1, pending[i].key, pending[i].dialog_id, result)
            queue.record(record)
            queue.on_answers((record,))
        done += len(replies)
        queue.ledger.refresh()
        queue.report_progress(eta_s=(len(pending) - done) * (time.monotonic() - began) / done)
        if done < len(pending):
            queue.job.check()
    queue.record(BatchRecord(token, "completed", completed=done, total=len(pending), collected=True))
    queue.ledger.refresh()


def _messages(request: Request) -> list[dict[str, str]]:
    return [msgspec.to_builtins(message) for message in request.messages]
