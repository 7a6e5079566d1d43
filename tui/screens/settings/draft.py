"""Changes of config.toml that are not saved yet, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import ConfigChange, Recipe, Setting, Workspace, WorkspacePaths

#: Option → its value as typed, None for its default.
Edits = Mapping[str, "str | None"]


@dataclass(frozen=True)
class CurrentSettings:
    """config.toml as it is, and the recipes that the data allows."""

    text: str
    """The file's text."""
    settings: tuple[Setting, ...]
    """All settings; those of the last valid configuration if the file is invalid, none if there is none."""
    recipes: tuple[Recipe, ...]
    """All recipes, with what they yield; none without data."""


@dataclass(frozen=True)
class Draft:
    """config.toml with changes."""

    base: str
    """The file's text."""
    edits: Edits
    """The changes."""
    text: str
    """The text with them."""
    settings: tuple[Setting, ...]
    """All settings with them."""
    change: ConfigChange
    """What they mean."""


def look(workspace: Workspace) -> CurrentSettings:
    """The present state of the workspace's config.toml."""
    from core.api import UserError

    reader = workspace.configuration
    try:
        settings = reader.settings()
    except UserError:
        # Every screen shows why.
        settings = ()
    return CurrentSettings(reader.text(), settings, workspace.data.recipes())


def make(paths: WorkspacePaths, base: str, edits: Edits) -> Draft:
    """The file's text with changes, and what they mean; for a thread of its own.

    Raises `UserError` for a change that is invalid.
    """
    from core.api import open_workspace

    with open_workspace(paths) as workspace:
        reader = workspace.configuration
        text = reader.edited(base, edits)
        return Draft(base, dict(edits), text, reader.settings(text), reader.change(base, text))
