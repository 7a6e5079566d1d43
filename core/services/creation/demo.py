"""The demo: every stage on the bundled sample, in a workspace of its own."""

from __future__ import annotations

from pathlib import Path

from core.config.workspace import WorkspacePaths, locate_workspace
from core.domain.errors import UserError
from core.jobs import files
from core.services.creation.workspace_creation import create_workspace
from core.services.data.sample import SAMPLE
from core.services.workspace import open_workspace

#: How the template names each of its seeds.
_SEED = "seed = 42\n"


def prepare_demo(folder: Path | str | WorkspacePaths, seed: int | None = None) -> WorkspacePaths:
    """Create a workspace in `folder` with the demo's configuration and the sample, or reuse an existing one.

    `seed` takes the place of every seed in the configuration.

    Raises:
        UserError: The folder exists and is not a workspace, or it is one and `seed` is given, or `folder` is
            the place of a workspace that is open read-only.
    """
    if isinstance(folder, WorkspacePaths):
        folder.check_writable()
        folder = folder.root
    folder = Path(folder)
    if (folder / "config.toml").exists():
        if seed is not None:
            raise UserError(
                f"{folder / 'config.toml'} exists and has seeds of its own: name another folder, "
                f"`empathy-tui demo DIR --seed {seed}`"
            )
        paths = locate_workspace(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} exists and is not a workspace: name another folder, `empathy-tui demo DIR`"
        )
    else:
        paths = create_workspace(folder, "demo")
        if seed is not None:
            text = paths.config.read_text(encoding="utf-8").replace(_SEED, f"seed = {seed}\n")
            files.write_bytes(paths.config, text.encode())
    with open_workspace(paths) as workspace:
        if workspace.data.imported() is None:
            commands = workspace.commands
            commands.wait(commands.apply_import(commands.plan_import(SAMPLE)))
    return paths
