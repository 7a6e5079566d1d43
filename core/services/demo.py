"""The demo: the whole road on the bundled sample, in a workspace of its own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from core.config.workspace import Workspace, open_workspace
from core.domain.errors import UserError
from core.services.commands import SAMPLE, Commands, create_workspace
from core.services.reader import Reader


def prepare(folder: Path) -> Workspace:
    """A workspace in `folder` with the demo's configuration and the sample; goes on with one that is there.

    Raises `UserError` when something else is in the folder.
    """
    if (folder / "config.toml").exists():
        workspace = open_workspace(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there and is no workspace: name another folder, `empathy-tui demo DIR`")
    else:
        workspace = create_workspace(folder, "demo")
    with closing(Reader(workspace)) as reader:
        imported = reader.data() is not None
    if not imported:
        commands = Commands(workspace)
        commands.wait(commands.apply_import(commands.plan_import(SAMPLE)))
    return workspace
