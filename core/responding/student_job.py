"""The job in which a student answers the test split."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec
import torch

from core.config.schema import Responding, Student
from core.dialogues import records, response_file
from core.dialogues.response_file import GeneratedResponse
from core.domain.errors import UserError
from core.jobs.context import Job
from core.jobs.journal import Progress, Response
from core.prompts import templates
from core.students import loading
from core.students.generation import Generator

log = logging.getLogger(__name__)


def run(job: Job) -> dict[str, Any]:
    """Answer every test dialogue that no earlier attempt answered, and write responses.jsonl.

    Batches are the same in every attempt, and a batch is journalled whole. Raises `UserError` when
    there is no test dialogue or the student cannot be loaded.
    """
    settings = job.settings
    responding = msgspec.convert(settings["responding"], Responding)
    student = msgspec.convert(settings["student"], Student)
    torch.set_num_threads(job.spec.threads)
    dialogues = [d for d in records.read(job.input("dialogues")) if d.split == "test"]
    if not dialogues:
        raise UserError("the data has no test dialogue: every one has two or more responses rated 3")
    answered = {response.dialog_id: response for response in job.prior(Response)}
    # An earlier attempt's answers count as this attempt's too: its journal alone tells the whole.
    if answered:
        job.journal.write(*answered.values())
    device = loading.pick_device(settings["device"])
    tokenizer = loading.load_tokenizer(student)
    adapter = job.input("adapter") if "adapter" in job.spec.inputs else None
    model = loading.load_model(student, device, loading.pick_dtype(settings["dtype"], device), adapter)
    model.eval()
    generator = Generator(
        model,
        tokenizer,
        [
            templates.render(settings["prompt"], situation=d.situation, utterance=d.utterance)
            for d in dialogues
        ],
    )
    log.info("%d dialogues, of whose prompts %d tokens are shared", len(dialogues), generator.shared)
    job.journal.write(Progress(len(answered), len(dialogues)))
    began, before = time.monotonic(), len(answered)
    for batch in generator.batches(responding.batch_size):
        if all(dialogues[i].dialog_id in answered for i in batch):
            continue
        job.check()
        # A batch whose record a crash tore is asked whole, so that its seed and padding are the same, but
        # an answer that was journalled stays.
        new = [
            Response(dialogues[i].dialog_id, answer.text, answer.finish)
            for i, answer in zip(batch, generator.answer(batch, responding), strict=True)
            if dialogues[i].dialog_id not in answered
        ]
        answered |= {response.dialog_id: response for response in new}
        per_answer = (time.monotonic() - began) / (len(answered) - before)
        left = len(dialogues) - len(answered)
        job.journal.write(*new, Progress(len(answered), len(dialogues), left * per_answer))
    path = job.folder / "responses.jsonl"
    found = (answered[dialogue.dialog_id] for dialogue in dialogues)
    response_file.write(path, (GeneratedResponse(r.dialog_id, r.text, finish=r.finish) for r in found))
    job.publish("responses", path)
    cut = sum(response.finish == "length" for response in answered.values())
    return {"responses": len(dialogues), "cut": cut, "device": device}
