"""Backups of state.db, made before it is migrated."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def backup_path(path: Path, version: int) -> Path:
    """Where a file is kept as it was before it was migrated from that version."""
    return path.with_name(f"{path.name}.v{version}.bak")


def back_up(path: Path, current: int) -> None:
    """Keep a file of a version before `current` as it is, with which the program that wrote it can go on."""
    if not path.is_file() or not path.stat().st_size:
        return
    with closing(sqlite3.connect(path)) as old:
        version = int(old.execute("PRAGMA user_version").fetchone()[0])
        if not 0 < version < current:
            return
        (migrated,) = old.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()
        if migrated > version:
            # Killed between the migration and its number: there is a backup, and this file is no longer old.
            return
        kept = backup_path(path, version)
        aside = kept.with_name(f".{kept.name}")
        try:
            with closing(sqlite3.connect(aside)) as copy:
                old.backup(copy)
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            aside.chmod(path.stat().st_mode & 0o777)
            aside.replace(kept)
        finally:
            aside.unlink(missing_ok=True)
