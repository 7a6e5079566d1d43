"""Creating a workspace from a template of config.toml."""

from __future__ import annotations

from pathlib import Path

from core.config.workspace import WorkspacePaths, resolve_root
from core.domain.errors import UserError
from core.jobs import files
from core.store import connections

TEMPLATES = Path(__file__).parents[1] / "config" / "templates"


def create_workspace(folder: Path | str | WorkspacePaths, template: str = "default") -> WorkspacePaths:
    """Create a workspace in `folder` with a config.toml from that template.

    Raises `UserError` if a config.toml exists already, the template does not exist, or `folder` is the place
    of a workspace that is open read-only.
    """
    if isinstance(folder, WorkspacePaths):
        folder.check_writable()
        folder = folder.root
    source = TEMPLATES / f"{template}.toml"
    if not source.is_file():
        raise UserError(f"there is no template {template!r}. There are: {', '.join(template_names())}")
    folder = resolve_root(Path(folder))
    try:
        # Private, unless its owner opens it: all its files are as private as the folder.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.keep_private(folder)
        workspace = WorkspacePaths(folder)
        if workspace.config.exists():
            raise UserError(f"{workspace.config} exists already: edit it, or name another folder")
        files.write_bytes(workspace.config, source.read_bytes())
    except OSError as error:
        raise UserError(f"the workspace {folder} cannot be created: {error.strerror}") from error
    connections.writer(workspace.state).close()
    return workspace


def template_names() -> tuple[str, ...]:
    """The names of the templates of `create_workspace`."""
    return tuple(sorted(path.stem for path in TEMPLATES.glob("*.toml")))
