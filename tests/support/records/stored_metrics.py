"""The metrics of a run as state.db holds them, to hold what readers make of them against."""

from __future__ import annotations

import json
from sqlite3 import Connection


def stored_metrics(connection: Connection, job: str) -> dict[int, dict[str, float]]:
    """The finite values that a run logged, by step and metric."""
    rows = connection.execute("SELECT step, metrics_json FROM metrics WHERE job = ? ORDER BY step", (job,))
    return {
        step: {name: value for name, value in json.loads(values).items() if not isinstance(value, str)}
        for step, values in rows
    }
