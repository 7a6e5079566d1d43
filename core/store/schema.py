"""The schema of state.db: one file a version in migrations/, applied in their order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.store import backups

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

#: `PRAGMA user_version` of the current schema: the number of migrations.
VERSION = 15
#: `PRAGMA application_id` of a state.db: "EmpT".
APPLICATION_ID = 0x456D7054
#: The version of the first program that was released, 0.2.0.
_FIRST_RELEASED = 3
#: SQL by version. A store records the names of those that it has, which are the files' without the number.
MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(path: Path) -> None:
    """Create the file `path` with the current schema, or migrate it from an earlier version after a backup.

    Processes that do this at the same time wait for each other.
    """
    # sqlite_utils imports pandas, which takes seconds: readers must not wait for it.
    from filelock import FileLock
    from sqlite_utils import Database, Migrations

    migrations = Migrations("empathy-tui")
    for file in sorted(MIGRATIONS.glob("*.sql")):
        _add(migrations, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock"), fallback_to_soft=False):
        backups.back_up(path, VERSION)
        database = Database(path)
        try:
            database.execute("PRAGMA journal_mode = WAL").fetchone()
            # Each migration would wait for the disk twice. What a loss of power takes back is migrated again.
            database.execute("PRAGMA synchronous = NORMAL")
            migrations.apply(database)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        finally:
            database.close()


def missing(connection: sqlite3.Connection) -> list[str]:
    """What the current schema has and a store of its version lacks, such as `table jobs`."""
    found = _parts(connection)
    lacked = [part for part in current_parts() if part not in found]
    # Columns and indexes of a table that is missing are missing with it.
    gone = {name for kind, name, _ in lacked if kind == "table"}
    return [f"{kind} {name}" for kind, name, table in lacked if kind == "table" or table not in gone]


@cache
def current_parts() -> tuple[tuple[str, str, str], ...]:
    """Tables, indexes, triggers and columns of the current schema, each as (kind, name, its table)."""
    with closing(sqlite3.connect(":memory:")) as model:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            model.executescript(file.read_text(encoding="utf-8"))
        return _parts(model)


def _parts(connection: sqlite3.Connection) -> tuple[tuple[str, str, str], ...]:
    """Tables, indexes, triggers and columns, each as (kind, name, its table)."""
    rows = connection.execute(
        "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
        " UNION ALL SELECT 'column', s.name || '.' || c.name, s.name"
        " FROM sqlite_schema AS s, pragma_table_info(s.name) AS c WHERE s.type = 'table'"
    )
    return tuple(sorted(tuple(row) for row in rows))


def is_unreleased(connection: sqlite3.Connection) -> bool:
    """Whether the jobs of a store are those of version 0.1.0, in whose JSON nothing names the stage.

    It had the schema of 0.2.0, the first version that was released.
    """
    if connection.execute("PRAGMA user_version").fetchone()[0] > _FIRST_RELEASED:
        return False
    found = connection.execute(
        "SELECT 1 FROM jobs WHERE (json_valid(settings) AND json_type(settings, '$.stage') IS NULL)"
        " OR (json_valid(result) AND json_type(result, '$.stage') IS NULL)"
    )
    return found.fetchone() is not None


def _add(migrations: Migrations, file: Path) -> None:
    """Register the migration in `file`, whose statements end with a semicolon at the end of a line."""
    _, _, name = file.stem.partition("_")

    @migrations(name=name.replace("_", " "))
    def migration(db: Database) -> None:
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                db.execute(statement)
