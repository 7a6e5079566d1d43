"""Packages that the program works without, until a setting needs them."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec

from core.domain.errors import UserError


def install_command(requirement: str) -> str:
    """The command that installs a package into the environment of this process, whichever tool made it."""
    return shlex.join(("uv", "pip", "install", "--python", sys.executable, requirement))


def check_installed(requirement: str, needed_by: str) -> None:
    """Raise `UserError`, with the command that installs it, unless a package is installed.

    `requirement` is its name on an index, also with an extra, as in `ray[default]`; its module has that name.
    """
    name = requirement.partition("[")[0]
    if find_spec(name.replace("-", "_")) is None:
        raise UserError(
            f"{needed_by} needs the package {name}, which is not installed: `{install_command(requirement)}`"
        )
