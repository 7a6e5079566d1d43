"""Several data sets as one: their test dialogues, and as many train dialogues of each as its weight says."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from core.config.schema import DataSet, DataSettings
from core.dialogues.importing import near_duplicates, table
from core.dialogues.importing.spool import DialogueSpool
from core.dialogues.importing.table import Table
from core.dialogues.sources.hub_source import HubDataset
from core.dialogues.sources.reader_protocol import Format, ReadingProgress
from core.domain.data.dialogues import Dialogue
from core.domain.data.findings import Finding
from core.domain.errors import UserError

#: What separates the name of a data set, which cannot contain it, from the id of a dialogue.
_MARK = ":"
#: Seed of the draw under weights.
_SEED = 42


def read_mixture(
    sets: Mapping[str, DataSet],
    root: Path,
    settings: DataSettings,
    *,
    strict: bool = False,
    progress: ReadingProgress | None = None,
) -> Table:
    """Read the data sets of a configuration; a relative path is in `root`. Raises `UserError`.

    A dialogue's id begins with the name of its data set.
    """
    parts = {}
    for name, wanted in sets.items():
        place = HubDataset.parse(wanted.file) or root / Path(wanted.file).expanduser()
        own = msgspec.structs.replace(wanted, near_duplicates="ignore")
        parts[name] = table.read_table(
            place, own, strict=strict, progress=progress, option=f"data_sets.{name}.columns"
        )
    is_rated = _is_rated(parts)
    dialogues = DialogueSpool()
    for name, part in parts.items():
        for dialogue in part.dialogues:
            dialogues.add(msgspec.structs.replace(dialogue, dialog_id=f"{name}{_MARK}{dialogue.dialog_id}"))
    compare = partial(
        near_duplicates.find, dialogues, None if progress is None else partial(progress, "compare")
    )
    near = None
    if settings.near_duplicates == "leave_out":
        # Before the draw, whose proportions they would change.
        near = compare()
        dialogues.remove(near.positions)
        near = replace(near, are_left_out=True)
    dialogues.remove(_undrawn(dialogues, sets))
    if settings.near_duplicates == "report":
        near = compare()
    identity = "".join(f"{name} {part.sha256}\n" for name, part in parts.items())
    return Table(
        dialogues=dialogues,
        format=Format(f"{len(parts)} data sets"),
        mapping={},
        is_guessed=any(part.is_guessed for part in parts.values()),
        split="; ".join(dict.fromkeys(part.split for part in parts.values())),
        is_rated=is_rated,
        sources=tuple(dict.fromkeys(source for part in parts.values() for source in part.sources)),
        ignored=(),
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        blank_rows=sum(part.blank_rows for part in parts.values()),
        blank_columns=sum(part.blank_columns for part in parts.values()),
        suspicious=_placed((name, part.suspicious) for name, part in parts.items()),
        left_out=_placed((name, part.left_out) for name, part in parts.items()),
        undecided=sum(part.undecided for part in parts.values()),
        near_duplicates=near,
        parts=parts,
    )


def _is_rated(parts: Mapping[str, Table]) -> bool:
    """Whether the data sets have ratings. Raises `UserError` if some have, and others have not."""
    without = [name for name, part in parts.items() if not part.is_rated]
    if without and len(without) < len(parts):
        raise UserError(
            f"data_sets: {', '.join(without)} has no ratings, and others have: recipes would treat the two "
            "differently. Import either those with ratings or those without"
        )
    return not without


def _undrawn(dialogues: Sequence[Dialogue], sets: Mapping[str, DataSet]) -> list[int]:
    """The positions of the train dialogues that are not taken: those taken of each data set are in proportion
    to the weights, and as many as the data sets allow; all without weights."""
    weights = {name: wanted.weight for name, wanted in sets.items() if wanted.weight is not None}
    if not weights:
        return []
    if missing := ", ".join(name for name in sets if name not in weights):
        raise UserError(f"data_sets: {missing} has no weight, and others have: give each one, or none")
    train: dict[str, list[int]] = {name: [] for name in weights}
    for position, dialogue in enumerate(dialogues):
        if dialogue.split == "train":
            train[dialogue.dialog_id.partition(_MARK)[0]].append(position)
    per_weight = min(len(train[name]) / weight for name, weight in weights.items())
    undrawn: list[int] = []
    for name, weight in weights.items():
        count = len(train[name])
        drawn = set(random.Random(f"{_SEED} {name}").sample(range(count), round(per_weight * weight)))
        undrawn += (position for number, position in enumerate(train[name]) if number not in drawn)
    return undrawn


def _placed(found: Iterable[tuple[str, Iterable[Finding]]]) -> tuple[Finding, ...]:
    """Findings with the name of their data set before the column."""
    return tuple(
        msgspec.structs.replace(finding, column=f"{name}: {finding.column}")
        for name, findings in found
        for finding in findings
    )
