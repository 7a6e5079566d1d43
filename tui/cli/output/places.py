"""Where files are that a command has written."""

from __future__ import annotations

from pathlib import Path

import click

from tui.format.text import visible
from tui.remote.this_host import this_host


def say_where(folder: Path) -> None:
    """Say how to copy a folder, if the user's own machine is another one."""
    host = this_host()
    if host is not None:
        copy = host.copy_command(str(folder.absolute()))
        click.echo(visible(f"The files are on {host.name}. To copy them here: {copy}"), err=True)
