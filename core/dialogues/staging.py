"""Checked dialogues, laid down as the file that jobs read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from core.config.workspace import WorkspacePaths
from core.dialogues import records
from core.dialogues.records import HUMAN, Dialogue
from core.store.dialogues import DataFacts, DialogueRow


def describe(dialogues: Iterable[Dialogue], file: str, file_sha256: str) -> DataFacts:
    """The facts of a data set: its hash and its splits', each over the dialogues' encoded lines."""
    encoder = msgspec.json.Encoder(order="deterministic")
    whole, split = hashlib.sha256(), {"train": hashlib.sha256(), "test": hashlib.sha256()}
    sources: dict[str, None] = {}
    for dialogue in dialogues:
        line = encoder.encode(dialogue) + b"\n"
        whole.update(line)
        split[dialogue.split].update(line)
        sources.update(dict.fromkeys(dialogue.responses))
    return DataFacts(
        data=whole.hexdigest(),
        train=split["train"].hexdigest(),
        test=split["test"].hexdigest(),
        sources=tuple(source for source in sources if source != HUMAN),
        file=file,
        file_sha256=file_sha256,
    )


def stage(workspace: WorkspacePaths, dialogues: Iterable[Dialogue], facts: DataFacts) -> None:
    """Write the dialogues to the workspace's file for `facts.data`, unless it is there."""
    path = workspace.dialogues(facts.data)
    if not path.exists():
        records.write(path, dialogues)


def to_row(dialogue: Dialogue) -> DialogueRow:
    """A dialogue as the store takes it."""
    return DialogueRow(
        dialog_id=dialogue.dialog_id,
        emotion=dialogue.emotion,
        sentiment=dialogue.sentiment,
        plutchik=dialogue.plutchik,
        situation=dialogue.situation,
        utterance=dialogue.utterance,
        split=dialogue.split,
        responses=tuple((source, r.text, r.rating) for source, r in dialogue.responses.items()),
    )


def from_row(row: DialogueRow, sources: Sequence[str]) -> Dialogue:
    """A dialogue as the store gave it, its responses in the order of `sources`."""
    responses = sorted(row.responses, key=lambda response: sources.index(response[0]))
    return msgspec.convert(
        {
            "dialog_id": row.dialog_id,
            "emotion": row.emotion,
            "sentiment": row.sentiment,
            "plutchik": row.plutchik,
            "situation": row.situation,
            "utterance": row.utterance,
            "split": row.split,
            "responses": {s: {"text": text, "rating": rating} for s, text, rating in responses},
        },
        Dialogue,
    )
