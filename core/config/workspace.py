"""A workspace: the folder with `config.toml`, `state.db` and `artifacts/`."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.domain.errors import UserError
from core.domain.paths import file_name, is_inside, not_a_file

#: SQLite opens no file with a longer path than 512 bytes; its own files beside state.db have longer names.
MAX_PATH_BYTES = 480


class Appearance(NamedTuple):
    """What the first frame needs of `AppSettings`, whose import of msgspec takes too long; unchecked."""

    theme: str = "dark"
    """`AppSettings.theme`."""
    characters: str = "auto"
    """`AppSettings.characters`."""


@dataclass(frozen=True)
class WorkspacePaths:
    """Where a workspace's files are, and the right to change them. The folder need not hold any of them yet.

    `read_only`: nothing in it is written, and no supervisor is started for it. Everything that writes gets
    the right from here, by `check_writable`; whoever was given none cannot make one.
    """

    root: Path
    """The workspace's folder."""
    read_only: bool = False
    """Whether nothing in it may be written, and no supervisor is started for it."""

    def below(self, name: str) -> WorkspacePaths:
        """A workspace in a folder of this one, with the same right."""
        return WorkspacePaths(self.inside(name), self.read_only)

    def check_output(self, folder: Path) -> None:
        """Raise `UserError` if files for somebody else would be written into this workspace, and it is
        read-only."""
        if self.read_only and folder.expanduser().resolve().is_relative_to(self.root.resolve()):
            raise UserError(
                f"{folder} is in {self.root}, which is open read-only: name a folder outside of it, or open "
                "it with --write"
            )

    def check_writable(self) -> None:
        """Raise `UserError` if this workspace is read-only, by choice or because its folder is."""
        if self.read_only:
            raise UserError(f"{self.root} is open read-only: open it with --write to change anything")
        if self.root.is_dir() and not os.access(self.root, os.W_OK | os.X_OK):
            is_mount = os.statvfs(self.root).f_flag & os.ST_RDONLY
            why = "its file system is read-only" if is_mount else "you may not write to the folder"
            raise UserError(
                f"{self.root} cannot be changed: {why}. Watch it with --read-only, or copy it to a folder of "
                "yours"
            )

    def check_is_workspace(self) -> None:
        """Raise `UserError` if nothing in this folder says that it is a workspace."""
        if not any(os.path.lexists(path) for path in (self.config, self.state, self.artifacts)):
            raise UserError(
                f"{self.root} is not a workspace, so there is nothing to change: go to the folder of one, "
                "name it with --workspace, or create one with `empathy-tui init`"
            )

    def inside(self, name: str) -> Path:
        """The path of a file that state.db or a journal names, relative to the workspace.

        Raises `UserError` for a path that leads out of it: whoever made the file could have any file read,
        overwritten or sent.
        """
        if not is_inside(name):
            raise UserError(f"{self.root}: its files name {name!r}, which is not in the workspace")
        return self.root / name

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    def appearance(self) -> Appearance:
        """config.toml's [app] for the first frame; what cannot be read has its default."""
        table = None
        if not_a_file(self.config):
            return Appearance()
        # `load_config` reports the errors.
        with suppress(OSError, ValueError):
            text = self.config.read_text(encoding="utf-8")
            # Most files have no such table, and the import of the parser takes longer than this look.
            if any("app" in line for line in text.splitlines() if not line.lstrip().startswith("#")):
                import tomllib

                table = tomllib.loads(text).get("app")
        texts = {
            name: table[name]
            for name in Appearance._fields
            if isinstance(table, dict) and isinstance(table.get(name), str)
        }
        return Appearance(**texts)

    @property
    def started_config(self) -> Path:
        """config.toml as it was when jobs were last started."""
        return self.artifacts / "config.toml"

    @property
    def state(self) -> Path:
        return self.root / "state.db"

    @property
    def prompts(self) -> Path:
        """Templates that override the shipped ones of the same name."""
        return self.root / "prompts"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def lock(self) -> Path:
        """Held by the supervisor; its text is the supervisor's process id."""
        return self.artifacts / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        return self.artifacts / "supervisor.log"

    @property
    def history(self) -> Path:
        """What the supervisor has done that no attempt's journal says."""
        return self.artifacts / "history.jsonl"

    def dialogues(self, data: str) -> Path:
        """The dialogues that jobs read, by the hash of their content. Raises `UserError` as `inside` does."""
        return self.inside(f"artifacts/data/{data}/dialogues.jsonl")

    def report(self, judge: str | None) -> Path:
        """Where the report on all judges, or on one, is written unless another folder is named."""
        return self.root / "reports" / ("all" if judge is None else f"judge-{file_name(judge)}")

    @property
    def exports(self) -> Path:
        """Where the app writes files for other programs unless another place is named."""
        return self.root / "exports"

    @property
    def cache(self) -> Path:
        """What jobs compute once for all of them; it can be deleted at any time."""
        return self.artifacts / "cache"

    @property
    def playground(self) -> Path:
        """The lock, the log and the history of the playground."""
        return self.artifacts / "playground"

    @property
    def calls(self) -> Path:
        """What people asked large models in the playground: a folder a model, in it one a call, as attempts
        at a job have them."""
        return self.artifacts / "calls"

    def attempt(self, job: str, number: int) -> Path:
        """The folder of an attempt. Raises `UserError` as `inside` does: state.db may name jobs as it likes,
        and their folders are written and deleted."""
        return self.inside(f"artifacts/jobs/{job}/{number}")


def locate_workspace(root: Path, *, read_only: bool = False) -> WorkspacePaths:
    """The workspace in `root`. Raises `UserError` when that is not a folder, or not one that can be used."""
    root = resolve_root(root)
    if not root.is_dir():
        import shlex

        raise UserError(
            f"{root} is not a folder: create a workspace with `empathy-tui init {shlex.quote(str(root))}`"
        )
    return WorkspacePaths(root, read_only)


def resolve_root(root: Path) -> Path:
    """The absolute path of a workspace's folder, which need not exist.

    Raises `UserError` if no workspace can have that path.
    """
    try:
        root = root.expanduser().resolve()
        root.stat()
    except FileNotFoundError:
        pass
    except RuntimeError as error:
        # pathlib raises it for an unknown user after ~, and for links in a circle.
        raise UserError(f"{root} is not a path of a folder: {error}") from error
    except OSError as error:
        raise UserError(f"{root} cannot be opened: {error.strerror}") from error
    try:
        encoded = str(root).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"the path {root} is not valid UTF-8, so files could not name it: rename its folder"
        ) from None
    if len(encoded) > MAX_PATH_BYTES:
        raise UserError(
            f"the workspace's path has {len(encoded)} bytes, and SQLite opens no file in a folder whose path "
            f"has more than {MAX_PATH_BYTES}: move it, or name a shorter path. It begins with {root.parts[0]}"
            f"{'/'.join(root.parts[1:3])[:80]}/…"
        )
    return root
