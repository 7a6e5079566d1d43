"""The folder on a storage that belongs to one workspace, which removes there what it no longer needs."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.paths import file_name
from core.jobs import files


class _OwnFolder(msgspec.Struct, frozen=True):
    name: str
    inode: int
    """The number of the file that says so, which a copy of the workspace does not have."""


def of_engine(workspace: WorkspacePaths, engine: str) -> str:
    """The folder that an engine of a workspace has alone, relative to a storage's URL. Raises `OSError`."""
    path = workspace.artifacts / "storage-folder.json"
    return f"{_known(path) or _new(path, workspace.root.name)}/{file_name(engine)}"


def _known(path: Path) -> str | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_OwnFolder)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return found.name if found.inode == path.stat().st_ino else None


def _new(path: Path, workspace: str) -> str:
    name = f"{file_name(workspace)}-{secrets.token_hex(4)}"
    with files.replacing(path) as file:
        file.write(msgspec.json.encode(_OwnFolder(name, os.fstat(file.fileno()).st_ino)))
    return name
