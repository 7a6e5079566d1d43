"""A workspace: the folder with `config.toml`, `state.db` and `artifacts/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import UserError


@dataclass(frozen=True)
class WorkspacePaths:
    """Where a workspace's files are. The folder need not hold any of them yet.

    `read_only`: nothing in it is written, and no supervisor is started for it.
    """

    root: Path
    read_only: bool = False

    def check_writable(self) -> None:
        """Raise `UserError` if this workspace is read-only."""
        if self.read_only:
            raise UserError(f"{self.root} is open read-only: open it without --read-only to change anything")

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    def app_table(self) -> dict[str, object]:
        """config.toml's [app], unchecked, for the first frame; empty if it cannot be read."""
        import tomllib

        try:
            table = tomllib.loads(self.config.read_text(encoding="utf-8")).get("app")
        except (OSError, ValueError):
            # `load_config` reports the error.
            return {}
        return table if isinstance(table, dict) else {}

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

    def dialogues(self, data: str) -> Path:
        """The dialogues that jobs read, by the hash of their content."""
        return self.artifacts / "data" / data / "dialogues.jsonl"

    def attempt(self, job: str, number: int) -> Path:
        return self.artifacts / "jobs" / job / str(number)


def locate_workspace(root: Path, *, read_only: bool = False) -> WorkspacePaths:
    """The workspace in `root`. Raises `UserError` when that is not a folder."""
    root = root.expanduser().resolve()
    if not root.is_dir():
        raise UserError(f"{root} is not a folder: create a workspace with `empathy-tui init {root}`")
    return WorkspacePaths(root, read_only)
