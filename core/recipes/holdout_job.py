"""The job that draws the train dialogues on which rungs are decided."""

from __future__ import annotations

import random

import msgspec

from core.dialogues.files import records
from core.domain.errors import UserError
from core.domain.jobs.results import HoldoutResult
from core.jobs.context import JobContext
from core.jobs.records import Progress
from core.jobs.settings import HoldoutSettings


def run(job: JobContext[HoldoutSettings]) -> HoldoutResult:
    """Write dialogues.jsonl, the dialogues of the train split: those that are drawn are its test split.

    Raises `UserError` when they are more than half of the train split.
    """
    train = [d for d in records.read(job.input("dialogues")) if d.split == "train"]
    count = job.settings.dialogues
    if count > len(train) // 2:
        raise UserError(
            f"rungs.held_out = {count}, and the train split has {len(train)} dialogues: hold out at most "
            "half of them"
        )
    drawn = set(random.Random(job.settings.seed).sample(range(len(train)), count))
    path = job.folder / "dialogues.jsonl"
    records.write(
        path,
        (msgspec.structs.replace(d, split="test") if i in drawn else d for i, d in enumerate(train)),
    )
    job.publish("dialogues", path)
    job.journal.write(Progress(len(train), len(train)))
    return HoldoutResult(train=len(train) - count, held_out=count)
