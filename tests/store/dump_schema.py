"""Writes a small state.db of today's schema, with a row in every table, as SQL to `tests/store/schemas/`.

    python -m tests.store.dump_schema

Run it once for each new schema version, before the first release with it: `test_upgrades.py` upgrades each of
these files to whatever the schema is then.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from core.store import schema

FOLDER = Path(__file__).parent / "schemas"
#: Values of columns whose rows must meet a condition; others get their name, or a number.
_VALUES: dict[str, object] = {
    "split": "test",
    "rating": 3,
    "slot": "cpu",
    "mode": "batch",
    "ordering": "ab",
    "winner": "a",
    "cognitive": "a",
    "affective": "b",
    "compassionate": "tie",
    "choice": "skip",
    "digest_a": "a" * 64,
    "digest_b": "b" * 64,
    "dialog_id": "d1",
    "job": "sft-1",
    "data": '{"data": "all", "train": "t", "test": "u", "sources": ["chatgpt"], "file": "f", "sha256": "0"}',
    "depends_on": "[]",
    "settings": "{}",
    "inputs": "{}",
    "result": None,
    "waiting": None,
    "errors": "[]",
    "metrics_json": '{"loss": 1.5}',
    "folder": "artifacts/jobs/sft-1/1",
    "token": "token-1",
}
#: States, where they differ by table.
_STATES = {"jobs": "failed", "attempts": "failed", "intents": "done"}
#: What others refer to.
_FIRST = ("jobs", "dialogues")


def fill(connection: sqlite3.Connection) -> None:
    """Put a row into every table that has none."""
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        if not name.startswith(("sqlite_", "_sqlite_"))
    ]
    for table in sorted(tables, key=lambda name: name not in _FIRST):
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        values = [_value(table, name, kind, number) for number, name, kind, *_ in columns]
        marks = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
    connection.commit()


def _value(table: str, name: str, kind: str, number: int) -> object:
    if name == "state" and table in _STATES:
        return _STATES[table]
    if name == "id" and table == "jobs":
        return "sft-1"
    if name in _VALUES:
        return _VALUES[name]
    return {"INTEGER": number + 1, "REAL": number + 1.5}.get(kind, f"{name} of {table}: é'\n\u2028")


def dump(state: Path) -> str:
    """A state.db as SQL, version and program included."""
    with closing(sqlite3.connect(state)) as connection:
        lines = list(connection.iterdump())
        for name in ("user_version", "application_id"):
            lines.append(f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};")
    return "\n".join(lines) + "\n"


def load(version: int, state: Path) -> Path:
    """Make the state.db of that schema version."""
    with closing(sqlite3.connect(state)) as connection:
        connection.executescript((FOLDER / f"v{version}.sql").read_text(encoding="utf-8"))
    return state


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.db")
        schema.migrate(state)
        with closing(sqlite3.connect(state)) as connection:
            fill(connection)
        (FOLDER / f"v{schema.VERSION}.sql").write_text(dump(state), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
