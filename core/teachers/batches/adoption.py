"""Batches that the user named: a job adopts those that contain its requests."""

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
from core.teachers.batches.session import BatchSession
from core.teachers.protocol import FINAL, BatchInfo, BatchTeacher, RejectedError, TransientError

NAME = "adopted.jsonl"

#: Characters of a batch's id that do not belong in a file name.
_UNSAFE = re.compile(r"[^\w-]")

log = logging.getLogger(__name__)


def name(job_folder: Path, batch: str) -> None:
    """Record in a job's folder that the job must adopt `batch`, an id at the provider."""
    job_folder.mkdir(parents=True, exist_ok=True)
    with (job_folder / NAME).open("ab") as file:
        file.write(json.dumps({"batch": batch}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    files.sync_folder(job_folder)


def named(job: JobContext[Settings]) -> list[str]:
    """The batches that the user named for this job, in order."""
    try:
        lines = (job.folder.parent / NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        try:
            batch = json.loads(line)["batch"]
        except (ValueError, TypeError, KeyError, RecursionError):
            batch = None
        if isinstance(batch, str):
            found[batch] = None
        else:
            log.warning("%s, line %d, names no batch: ignored", job.folder.parent / NAME, number)
    return list(found)


def adopt(session: BatchSession, batch: str) -> None:
    """Submit a batch that no journal contains, with those of its requests that belong to the job.

    What is wrong with it is recorded too, for the user to see. Raises `TransientError`, also while the
    batch's requests cannot be known yet.
    """
    queue, teacher = session.queue, session.teacher
    token = f"adopted-{_UNSAFE.sub('-', batch)}-{teacher.account.key_digest}"
    adopted = []
    errors: tuple[str, ...] = ()
    info = None
    try:
        info = teacher.retrieve(batch)
        keys = _request_keys(teacher, info, session.job.folder / token)
        adopted = [request for key, request in queue.requests.items() if key in keys]
        if not adopted:
            errors = (f"none of its {len(keys)} requests belongs to this job",)
    except RejectedError as error:
        errors = (str(error),)
    log.info("batch %s, named by the user: adopted %d requests %s", batch, len(adopted), errors or "")
    session.submit(token, adopted, None)
    if info is None or not adopted:
        session.queue.record(BatchRecord(token, "failed", batch, errors=errors, collected=True))
    else:
        session.queue.record(BatchRecord(token, info.status, batch, file=info.input_file))


def _request_keys(teacher: BatchTeacher, info: BatchInfo, prefix: Path) -> set[str]:
    """The keys of a batch's requests, from its input file or, if it has finished, from its results."""
    if info.input_file is not None:
        path = prefix.with_name(f"{prefix.name}-input.jsonl")
        try:
            teacher.download(info.input_file, path)
            return teacher.custom_ids(path)
        except RejectedError:
            # It is deleted once the batch is collected, perhaps by another workspace.
            if info.status not in FINAL:
                raise
    if info.status not in FINAL:
        raise TransientError(
            f"it is {info.status}, and its requests are known only once it has finished", code=info.status
        )
    results = []
    for number, file in enumerate(dict.fromkeys((info.output_file, info.error_file))):
        if file is not None:
            results.append(prefix.with_name(f"{prefix.name}-results-{number}.jsonl"))
            teacher.download(file, results[-1])
    if not results:
        reason = "; ".join(info.errors) or "no reason given"
        raise RejectedError(f"it ended as {info.status} without results: {reason}", code="none", fatal=False)
    return {key for key, _ in teacher.results(results) if key is not None}
