"""Writing imported dialogues to the file that jobs read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from core.config.workspace import WorkspacePaths
from core.dialogues.files import records
from core.dialogues.importing.table import Table
from core.domain.data.dialogues import HUMAN, Dialogue, ImportedData


def describe(dialogues: Iterable[Dialogue], file: str, file_sha256: str) -> ImportedData:
    """The record of an import: sources, file and hashes, which are over the dialogues' encoded lines."""
    encoder = msgspec.json.Encoder(order="deterministic")
    whole, split = hashlib.sha256(), {"train": hashlib.sha256(), "test": hashlib.sha256()}
    sources: dict[str, None] = {}
    for dialogue in dialogues:
        line = encoder.encode(dialogue) + b"\n"
        whole.update(line)
        split[dialogue.split].update(line)
        sources.update(dict.fromkeys(dialogue.responses))
    return ImportedData(
        data=whole.hexdigest(),
        train=split["train"].hexdigest(),
        test=split["test"].hexdigest(),
        sources=tuple(source for source in sources if source != HUMAN),
        file=file,
        file_sha256=file_sha256,
    )


def describe_table(table: Table, file: str) -> ImportedData:
    """The record of the import of a file that was read."""
    return msgspec.structs.replace(
        describe(table.dialogues, file, table.sha256),
        # The first dialogues may lack a response.
        sources=table.sources,
        suspicious=table.suspicious,
        left_out=table.left_out,
        rated=table.is_rated,
    )


def stage(workspace: WorkspacePaths, dialogues: Iterable[Dialogue], imported: ImportedData) -> None:
    """Write the dialogues to the workspace's file for `imported.data` unless it exists."""
    path = workspace.dialogues(imported.data)
    if not path.exists():
        records.write(path, dialogues)
