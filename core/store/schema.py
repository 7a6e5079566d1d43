"""The schema of state.db: one file a version in migrations/, applied in their order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.store import backups

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

#: `PRAGMA user_version` of the current schema: the number of migrations.
VERSION = 15
#: `PRAGMA application_id` of a state.db: "EmpT".
APPLICATION_ID = 0x456D7054
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


def _add(migrations: Migrations, file: Path) -> None:
    """Register the migration in `file`, whose statements end with a semicolon at the end of a line."""
    _, _, name = file.stem.partition("_")

    @migrations(name=name.replace("_", " "))
    def migration(db: Database) -> None:
        for statement in file.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                db.execute(statement)
