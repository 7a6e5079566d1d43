"""Batches that the user names by hand: their answers are taken where a job wants them."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from core import files
from core.pipeline.job import Job
from core.pipeline.journal import Batch
from core.teachers.desk import Desk
from core.teachers.protocol import BatchTeacher, RejectedError

NAME = "adopted.jsonl"

log = logging.getLogger(__name__)


def name(job_folder: Path, batch: str) -> None:
    """Note in a job's folder that the user wants `batch`, an id at the provider, looked at for it."""
    job_folder.mkdir(parents=True, exist_ok=True)
    with (job_folder / NAME).open("ab") as file:
        file.write(json.dumps({"batch": batch}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    files.sync_folder(job_folder)


def named(job: Job) -> list[str]:
    """The batches that were named for this job, in order."""
    try:
        lines = (job.folder.parent / NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(json.loads(line)["batch"] for line in lines))


def take(desk: Desk, teacher: BatchTeacher, batch: str) -> None:
    """Journal a batch that no journal knows, with those of its requests that the job wants.

    What is wrong with it is journalled too, for the user to see. Raises `TransientError`.
    """
    token = f"adopted-{batch}-{teacher.account.key_digest}"
    wanted = []
    errors: tuple[str, ...] = ()
    info = None
    try:
        info = teacher.retrieve(batch)
        if info.input_file is None:
            errors = ("the provider does not tell which requests it holds",)
        else:
            path = desk.job.folder / f"{token}-input.jsonl"
            teacher.download(info.input_file, path)
            held = teacher.custom_ids(path)
            wanted = [request for key, request in desk.requests.items() if key in held]
            if not wanted:
                errors = (f"none of its {len(held)} requests is one that this job wants",)
    except RejectedError as error:
        errors = (str(error),)
    log.info("batch %s, named by hand: %d requests are wanted %s", batch, len(wanted), errors or "")
    desk.submit(token, "batch", teacher.account, wanted, None)
    if info is None or not wanted:
        desk.job.journal.write(Batch(token, "failed", batch, errors=errors, collected=True))
    else:
        desk.job.journal.write(Batch(token, info.status, batch, file=info.input_file))
