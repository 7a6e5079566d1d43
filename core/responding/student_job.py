"""The job in which a student responds to the test split."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import torch

from core.dialogues.files import records, response_file
from core.dialogues.files.response_file import GeneratedResponse
from core.domain.data.dialogues import Dialogue
from core.domain.jobs.results import RespondResult
from core.jobs.context import JobContext
from core.jobs.records import Progress, ResponseRecord
from core.jobs.settings import RespondSettings, StudentResponder
from core.prompts import templates
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.models import base_model, loading, model_sources, quantization

log = logging.getLogger(__name__)


def run(job: JobContext[RespondSettings], responder: StudentResponder) -> RespondResult:
    """Generate the responses that no earlier attempt generated, and write responses.jsonl.

    With sampling, batches are the same in every attempt. Raises `UserError` when there is no test dialogue,
    the student cannot be loaded, or memory runs out with one dialogue at a time.
    """
    student = responder.student
    model_sources.check_unchanged(student.config, student.source, student.chat_template_sha256)
    torch.set_num_threads(job.spec.threads)
    dialogues = records.read_test_split(job.input("dialogues"))
    answered = {response.dialog_id: response for response in job.prior(ResponseRecord)}
    # Copy the responses of earlier attempts, so that this attempt's journal is complete.
    if answered:
        job.journal.write(*answered.values())
    device = loading.pick_device(student.device)
    chat = chat_format.load(student.config)
    quantization.check(student.quantization, device)
    adapter = job.input("adapter") if "adapter" in job.spec.inputs else None
    tuned = job.input("model") if "model" in job.spec.inputs else None
    if (trained := adapter or tuned) is not None:
        chat.check_adapter(trained)
    if tuned is not None:
        # Full fine-tuning changed all weights: this is another base model.
        student = msgspec.structs.replace(student, config=loading.fine_tuned(student.config, tuned))
    dtype = loading.pick_dtype(student.dtype, device)
    with base_model.for_answering(student, device, dtype, adapter) as model:
        _answer(job, responder, model, chat, dialogues, answered)
    path = job.folder / "responses.jsonl"
    found = (answered[dialogue.dialog_id] for dialogue in dialogues)
    response_file.write(path, (GeneratedResponse(r.dialog_id, r.text, finish=r.finish) for r in found))
    job.publish("responses", path)
    cut = sum(response.finish == "length" for response in answered.values())
    if cut == len(dialogues):
        job.warn(
            f"every response was cut at responding.max_new_tokens = {responder.responding.max_new_tokens}: "
            f"the student never wrote {chat.end_token!r}, which ends an answer"
        )
    return RespondResult(
        responses=len(dialogues),
        cut=cut,
        device=device,
        with_thinking=sum(response.had_thinking for response in answered.values()),
        chat_template_notes=chat.notes,
    )


def _answer(
    job: JobContext[RespondSettings],
    responder: StudentResponder,
    model: Any,
    chat: ChatFormat,
    dialogues: Sequence[Dialogue],
    answered: dict[str, ResponseRecord],
) -> None:
    """Add the responses that are missing in `answered`, by the dialogue's id."""
    generator = Generator(
        model,
        chat,
        [
            templates.render(responder.student.prompt, situation=d.situation, utterance=d.utterance)
            for d in dialogues
        ],
    )
    generator.check_length(responder.responding.max_new_tokens, "responding.max_new_tokens")
    log.info("%d dialogues; their prompts share a prefix of %d tokens", len(dialogues), generator.shared)
    job.journal.write(Progress(len(answered), len(dialogues)))
    began, before = time.monotonic(), len(answered)
    missing = [i for i, dialogue in enumerate(dialogues) if dialogue.dialog_id not in answered]
    job.check()
    for answers in generator.answers(missing, responder.responding, "responding.max_new_tokens", job.warn):
        new = [
            ResponseRecord(dialogues[i].dialog_id, answer.text, answer.finish, answer.had_thinking)
            for i, answer in answers
        ]
        answered.update((response.dialog_id, response) for response in new)
        per_answer = (time.monotonic() - began) / (len(answered) - before)
        remaining = len(dialogues) - len(answered)
        job.journal.write(*new, Progress(len(answered), len(dialogues), remaining * per_answer))
        if remaining:
            job.check()
