"""The job in which a student responds to the test split."""

from __future__ import annotations

import logging
import time

import torch

from core.dialogues import records, response_file
from core.dialogues.response_file import GeneratedResponse
from core.domain.errors import UserError
from core.domain.results import RespondResult
from core.jobs.context import JobContext
from core.jobs.records import Progress, ResponseRecord
from core.jobs.settings import RespondSettings, StudentResponder
from core.prompts import templates
from core.students import chat_format, loading, model_sources, quantization
from core.students.generation import Generator

log = logging.getLogger(__name__)


def run(job: JobContext[RespondSettings], responder: StudentResponder) -> RespondResult:
    """Generate the responses that no earlier attempt generated, and write responses.jsonl.

    Batches are the same in every attempt, and a batch is journalled whole. Raises `UserError` when
    there is no test dialogue, the student cannot be loaded, or memory runs out with one dialogue at a time.
    """
    student = responder.student
    model_sources.check_unchanged(student.config, student.source, student.chat_template_sha256)
    torch.set_num_threads(job.spec.threads)
    dialogues = [d for d in records.read(job.input("dialogues")) if d.split == "test"]
    if not dialogues:
        raise UserError("the data has no test dialogue: every one has two or more responses rated 3")
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
    model = loading.load_model(
        student.config if tuned is None else loading.fine_tuned(student.config, tuned),
        device,
        loading.pick_dtype(student.dtype, device),
        adapter,
        quantization=student.quantization,
    )
    generator = Generator(
        model,
        chat,
        [templates.render(student.prompt, situation=d.situation, utterance=d.utterance) for d in dialogues],
    )
    generator.check_length(responder.responding.max_new_tokens, "responding.max_new_tokens")
    log.info("%d dialogues; their prompts share a prefix of %d tokens", len(dialogues), generator.shared)
    job.journal.write(Progress(len(answered), len(dialogues)))
    began, before = time.monotonic(), len(answered)
    for batch in generator.batches(responder.responding.batch_size):
        if all(dialogues[i].dialog_id in answered for i in batch):
            continue
        job.check()
        # A batch of which only a part was recorded is generated again in full, with the same seed and
        # padding, but recorded responses are kept.
        answers = generator.answer_within_memory(
            batch, responder.responding, "responding.max_new_tokens", job.warn
        )
        new = [
            ResponseRecord(dialogues[i].dialog_id, answer.text, answer.finish, answer.had_thinking)
            for i, answer in zip(batch, answers, strict=True)
            if dialogues[i].dialog_id not in answered
        ]
        answered |= {response.dialog_id: response for response in new}
        per_answer = (time.monotonic() - began) / (len(answered) - before)
        remaining = len(dialogues) - len(answered)
        job.journal.write(*new, Progress(len(answered), len(dialogues), remaining * per_answer))
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
