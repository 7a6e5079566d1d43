"""Batches that the user names by hand: their answers are taken where a job wants them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path

from core.jobs import files
from core.jobs.context import JobContext
from core.jobs.records import BatchRecord
from core.jobs.settings import Settings
from core.teachers.protocol import FINAL, BatchInfo, BatchTeacher, RejectedError, TransientError
from core.teachers.request_queue import Desk

NAME = "adopted.jsonl"

#: What a name of a batch may hold and that of a file had better not.
_UNFIT = re.compile(r"[^\w-]")

log = logging.getLogger(__name__)


def name(job_folder: Path, batch: str) -> None:
    """Note in a job's folder that the user wants `batch`, an id at the provider, looked at for it."""
    job_folder.mkdir(parents=True, exist_ok=True)
    with (job_folder / NAME).open("ab") as file:
        file.write(json.dumps({"batch": batch}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    files.sync_folder(job_folder)


def named(job: JobContext[Settings]) -> list[str]:
    """The batches that were named for this job, in order."""
    try:
        lines = (job.folder.parent / NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(json.loads(line)["batch"] for line in lines))


def take(desk: Desk, teacher: BatchTeacher, batch: str) -> None:
    """Journal a batch that no journal knows, with those of its requests that the job wants.

    What is wrong with it is journalled too, for the user to see. Raises `TransientError`, also while it
    cannot be known yet which requests it holds.
    """
    token = f"adopted-{_UNFIT.sub('-', batch)}-{teacher.account.key_digest}"
    wanted = []
    errors: tuple[str, ...] = ()
    info = None
    try:
        info = teacher.retrieve(batch)
        held = _held(teacher, info, desk.job.folder / token)
        wanted = [request for key, request in desk.requests.items() if key in held]
        if not wanted:
            errors = (f"none of its {len(held)} requests is one that this job wants",)
    except RejectedError as error:
        errors = (str(error),)
    log.info("batch %s, named by hand: %d requests are wanted %s", batch, len(wanted), errors or "")
    desk.submit(token, "batch", teacher.account, wanted, None)
    if info is None or not wanted:
        desk.job.journal.write(BatchRecord(token, "failed", batch, errors=errors, collected=True))
    else:
        desk.job.journal.write(BatchRecord(token, info.status, batch, file=info.input_file))


def _held(teacher: BatchTeacher, info: BatchInfo, path: Path) -> set[str]:
    """The keys of a batch's requests: those of its input file, or, of a final one, of its results."""
    if info.input_file is not None:
        asked = path.with_name(f"{path.name}-input.jsonl")
        teacher.download(info.input_file, asked)
        return teacher.custom_ids(asked)
    if info.status not in FINAL:
        raise TransientError(
            f"it is {info.status}, and which requests it holds is known once it has ended", code=info.status
        )
    results = []
    for number, file in enumerate(dict.fromkeys((info.output_file, info.error_file))):
        if file is not None:
            results.append(path.with_name(f"{path.name}-results-{number}.jsonl"))
            teacher.download(file, results[-1])
    if not results:
        reason = "; ".join(info.errors) or "no reason given"
        raise RejectedError(f"it ended as {info.status} without results: {reason}", code="none", fatal=False)
    return {key for key, _ in teacher.results(results)}
