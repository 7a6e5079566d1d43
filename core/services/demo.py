"""The demo: every stage on the bundled sample, in a workspace of its own."""

from __future__ import annotations

from pathlib import Path

from core.config.workspace import WorkspacePaths, locate_workspace
from core.domain.errors import UserError
from core.services.data.sample import SAMPLE
from core.services.workspace import open_workspace
from core.services.workspace_creation import create_workspace


def prepare_demo(folder: Path | WorkspacePaths) -> WorkspacePaths:
    """Create a workspace in `folder` with the demo's configuration and the sample, or reuse an existing one.

    Raises:
        UserError: The folder exists and is not a workspace, or `folder` is the place of a workspace that is
            open read-only.
    """
    if isinstance(folder, WorkspacePaths):
        folder.check_writable()
        folder = folder.root
    if (folder / "config.toml").exists():
        paths = locate_workspace(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and is no workspace: name another folder, `empathy-tui demo DIR`")
    else:
        paths = create_workspace(folder, "demo")
    with open_workspace(paths) as workspace:
        if workspace.data.imported() is None:
            commands = workspace.commands
            commands.wait(commands.apply_import(commands.plan_import(SAMPLE)))
    return paths
