"""What a batch that has ended leaves: its files, and the outcome of every request."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from core.jobs.records import Answer
from core.teachers.ledger import Sent
from core.teachers.protocol import BatchInfo, BatchTeacher, Fault, RejectedError
from core.teachers.request_queue import NO_LINE, Desk

log = logging.getLogger(__name__)


def fetch(teacher: BatchTeacher, info: BatchInfo, begins: Path) -> tuple[dict[str, Path], bool]:
    """The result files on disk by kind, in paths that begin with `begins`; whether one is still to come.

    Output and error file are both looked for in every final state. Raises `TransientError`.
    """
    wanted = {"output": info.output_file, "error": info.error_file}
    if info.output_file == info.error_file:
        # Some providers put answers and errors into one file.
        del wanted["error"]
    paths: dict[str, Path] = {}
    awaited = (info.output_file is None and (info.completed or 0) > 0) or (
        info.error_file is None and (info.failed or 0) > 0
    )
    if info.output_file is None and info.error_file is None and info.status != "failed":
        awaited = True
    for kind, file in wanted.items():
        if file is None:
            continue
        path = begins.with_name(f"{begins.name}-{kind}.jsonl")
        try:
            teacher.download(file, path)
        except RejectedError as error:
            log.warning("batch %s: its %s file: %s", info.id, kind, error)
            awaited = True
            continue
        paths[kind] = path
    return paths, awaited


def outcomes(
    desk: Desk, teacher: BatchTeacher, sent: Sent, info: BatchInfo, paths: Sequence[Path]
) -> list[Answer]:
    """The outcome of each of the batch's requests, matched by key alone.

    A request without a line has expired with its batch, or is missing; in a batch that was cancelled it
    was never asked, and has none.
    """
    missing: dict[str, str] = dict(sent.submission.requests)
    records = []
    for key, result in teacher.results(paths):
        dialog_id = missing.pop(key, None)
        if dialog_id is None:
            log.warning("batch %s: a second or unknown line for %s is left aside", info.id, key[:64])
            continue
        records.append(desk.answer(sent.token, 1, key, dialog_id, result))
    if info.status == "cancelled":
        return records
    code = "batch_expired" if info.status == "expired" else NO_LINE
    fault = Fault(code, f"the batch ended as {info.status} without a line for this request")
    return records + [desk.answer(sent.token, 1, key, d, fault) for key, d in missing.items()]
