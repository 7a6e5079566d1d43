"""The commits of models on the Hub at which a workspace stays, among its settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from core.store import workspace_settings
from core.store.jobs import job_events

#: The beginning of the settings that hold commits.
_COMMIT = "commit "


def commits(connection: sqlite3.Connection) -> dict[str, str]:
    """The commits at which the workspace stays of models on the Hub, by `model_sources.hub_key`."""
    rows = connection.execute("SELECT key, value FROM meta WHERE key LIKE ? || '%'", (_COMMIT,))
    return {key.removeprefix(_COMMIT): value for key, value in rows}


def set_commits(connection: sqlite3.Connection, found: Mapping[str, str]) -> dict[str, str | None]:
    """Make the workspace stay at these commits; returns the settings that hold them."""
    changed: dict[str, str | None] = {_COMMIT + name: commit for name, commit in found.items()}
    for key, commit in changed.items():
        workspace_settings.set_setting(connection, key, commit)
        job_events.add_event(connection, f"{key.removeprefix(_COMMIT)} is commit {commit}")
    return changed
