"""What the commands share: their options, the workspace that they work on, and how they refuse."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from core.api import Workspace, WorkspacePaths, open_workspace
from tui.format.text import visible
from tui.runtime import garbage_collector

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class Refused(click.ClickException):
    """What was asked was not done: the message goes to stderr, the exit code is 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"empathy-tui: {visible(self.message, lines=True)}", file=file, err=file is None)


@dataclass(frozen=True)
class Place:
    """What was named before the command: the workspace's folder, and whether it is only watched."""

    folder: Path | None
    read_only: bool


def place_of(ctx: click.Context) -> Place:
    place = ctx.obj
    assert isinstance(place, Place)
    return place


def workspace_of(ctx: click.Context) -> Workspace:
    """Open the workspace that was named before the command, or the current folder; it closes with `ctx`."""
    place = place_of(ctx)
    return ctx.with_resource(open_workspace(place.folder, read_only=place.read_only))


def folder_to_make(ctx: click.Context, wanted: Path | None, otherwise: Path) -> Path:
    """Where a command makes a workspace: the folder it was given, else the one named before the command.

    Raises `Refused` where nothing may be written.
    """
    place = place_of(ctx)
    if place.read_only:
        raise Refused("--read-only watches a workspace, and this would make one: leave it out")
    return wanted or place.folder or otherwise


def confirm(question: str, otherwise: str) -> None:
    """Ask, and raise `Refused` with `otherwise` for a no, or when there is no terminal to ask in."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{otherwise}: there is no terminal to ask in, so say --yes if you mean it")
    if not click.confirm(visible(question), err=True):
        raise Refused(otherwise)


def in_terminal() -> bool:
    """Whether there is a terminal that a screen can be drawn on: not a pipe, and not one that only prints."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def open_app(workspace: WorkspacePaths, ballot: tuple[str, str, str] | None = None) -> NoReturn:
    """Run the app until it is left; it may go on with another workspace.

    With a `ballot` (two responders and a voter) it opens where these are voted on.
    """
    # It takes a tenth of the time until the first frame. The poller turns it on again.
    garbage_collector.hold()
    # The screen waits so long, at every event, for a poller that works something out.
    sys.setswitchinterval(0.0005)
    # Textual reads it once. What a key brings may take two frames: the letter, then the rows.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from tui.app.application import EmpathyApp

    following: WorkspacePaths | None = workspace
    while following is not None:
        app = EmpathyApp(following, ballot)
        app.run()
        following = app.next_workspace
    sys.exit(app.return_code or 0)
