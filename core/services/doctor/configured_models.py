"""What checks need to know of config.toml: large models and clusters."""

from __future__ import annotations

import os

from core.config.load import load_config
from core.config.schema import Config, Teacher
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError


def config_or_default(workspace: WorkspacePaths) -> Config:
    """config.toml; an empty one if it is invalid, which another check shows."""
    try:
        return load_config(workspace.config) if os.path.lexists(workspace.config) else Config()
    except UserError:
        return Config()


def large_models(workspace: WorkspacePaths) -> list[tuple[str, Teacher]]:
    """The teachers, judges and servers in config.toml."""
    config = config_or_default(workspace)
    used: list[tuple[str, Teacher]] = []
    used += [(f"the teacher {name}", teacher) for name, teacher in config.teachers.items()]
    used += [(f"the judge {name}", judge) for name, judge in config.judges.items()]
    for name, server in config.servers.items():
        as_teacher = Teacher(
            provider="openai", model=name, base_url=server.base_url, api_key_env=server.api_key_env
        )
        used.append((f"the server of {name}", as_teacher))
    return used
