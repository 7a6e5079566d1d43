"""The command that lets a person vote."""

from __future__ import annotations

import getpass
import re
import time

import click

from core.api import Workspace
from tui.cli.options import (
    Refused,
    in_terminal,
    open_app,
    workspace_of,
)
from tui.format.text import visible

#: Seconds that the supervisor has to take the last votes in.
_TAKEN_IN_S = 10.0
_VOTER = re.compile(r"\w[\w.-]{0,39}")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        # In a container the user often has a number alone.
        raise Refused("your login has no name on this machine: say --voter NAME") from error


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--voter", default=_login, show_default="your login name", help="Who votes.")
@click.pass_context
def vote(ctx: click.Context, a: str, b: str, voter: str) -> None:
    """Vote on the responses of A and B to the test dialogues, without seeing whose they are.

    Each pair is shown in random order; ← and → choose, t is a tie, s skips, u takes the last vote back. Leave
    at any time: the same command goes on. Several people vote under names of their own.
    """
    if not _VOTER.fullmatch(voter):
        raise Refused(
            f"{voter!r} is no voter's name: up to 40 letters, digits, '.', '_' and '-'; say --voter NAME"
        )
    workspace = workspace_of(ctx)
    found = workspace.evaluation.ballot_items(a, b, voter)
    if not found:
        raise Refused(
            f"{a} and {b} have no two different responses to a test dialogue yet: `empathy-tui status` says "
            "whether they have answered"
        )
    if not in_terminal():
        raise Refused("voting needs a terminal")
    try:
        open_app(workspace.paths, ballot=(a, b, voter))
    finally:
        click.echo(visible(_tell(workspace, a, b, voter)))


def _tell(workspace: Workspace, a: str, b: str, voter: str) -> str:
    """How far the voter is, once the last votes are taken in."""
    if workspace.pipeline.has_pending_intents():
        workspace.commands.ensure_supervisor()
    deadline = time.monotonic() + _TAKEN_IN_S
    while workspace.pipeline.has_pending_intents() and time.monotonic() < deadline:
        time.sleep(0.05)
    late = workspace.pipeline.has_pending_intents()
    found = workspace.evaluation.ballot_items(a, b, voter)
    voted = sum(paper.choice is not None for paper in found)
    if late:
        return f"{voter} has voted on {voted} of {len(found)} pairs; the last votes are still to be taken in."
    return f"{voter} has voted on {voted} of {len(found)} pairs." + (
        "" if voted == len(found) else " The same command goes on."
    )
