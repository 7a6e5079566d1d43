"""The statistics of the imported data, from the store."""

from __future__ import annotations

import sqlite3

from core.dialogues import statistics
from core.dialogues.statistics import Statistics
from core.domain.data.dialogues import ImportedData
from core.store import connections
from core.store.dialogues import dialogue_statistics


def of_data(connection: sqlite3.Connection, imported: ImportedData) -> Statistics:
    """The statistics of all imported dialogues."""
    with connections.snapshot(connection):
        return statistics.describe(
            dialogue_statistics.named(connection, "emotion"),
            dialogue_statistics.named(connection, "sentiment"),
            dialogue_statistics.rating_counts(connection, imported.sources),
            dialogue_statistics.responses(connection),
        )
