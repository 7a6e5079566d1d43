"""Creating a workspace from a template of config.toml."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from core.config.load import parse_config
from core.config.workspace import WorkspacePaths, resolve_root
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.jobs import files
from core.recipes import catalog
from core.store import connections
from core.store.dialogues import dialogues as stored_data

TEMPLATES = Path(__file__).parents[2] / "config" / "templates"
#: The judge that is fitted to ratings, as templates have it.
_FITTED_JUDGE = re.compile(r'^\[judges\.embedded\]\nprovider = "embedded"$', re.MULTILINE)


def create_workspace(folder: Path | str | WorkspacePaths, template: str = "default") -> WorkspacePaths:
    """Create a workspace in `folder` with a config.toml from that template.

    If data is imported there already, config.toml has only recipes and judges that this data allows.

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
        text = source.read_text(encoding="utf-8")
        data = _imported(workspace)
        files.write_bytes(workspace.config, (text if data is None else _fitting(text, data)).encode())
    except OSError as error:
        raise UserError(f"the workspace {folder} cannot be created: {error.strerror}") from error
    return workspace


def template_names() -> tuple[str, ...]:
    """The names of the templates of `create_workspace`."""
    return tuple(sorted(path.stem for path in TEMPLATES.glob("*.toml")))


def _imported(workspace: WorkspacePaths) -> ImportedData | None:
    connection = connections.writer(workspace.state)
    try:
        return stored_data.imported(connection)
    finally:
        connection.close()


def _fitting(text: str, data: ImportedData) -> str:
    """A template's text without the recipes and the judge that the data does not allow.

    If it allows none of the recipes, the first one that it allows stands there.
    """
    wanted, allowed = parse_config(text).recipes.train, catalog.available(data)
    recipes = [name for name in wanted if name in allowed] or list(allowed[:1])
    if recipes != list(wanted):
        # It loads tomlkit, which most workspaces do not need.
        from core.config import edit

        text = edit.changed(text, {"recipes.train": recipes})
    if not data.rated:
        without = "# The imported data has no ratings, from which the embedded judge learns.\n"
        text = _FITTED_JUDGE.sub(lambda judge: without + textwrap.indent(judge[0], "# "), text)
    return text
