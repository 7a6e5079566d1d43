"""The command that lets a person vote."""

from __future__ import annotations

import time

import click

from core.api import Workspace
from tui.app.launch import open_app
from tui.cli.options import CommandError, examples, in_terminal, workspace_of
from tui.format.evaluation import human_votes
from tui.format.text import visible
from tui.runtime.login import login_name

#: Seconds to wait for the supervisor to store the last votes.
_STORE_S = 10.0


def _login() -> str:
    name = login_name()
    if name is None:
        raise CommandError("your user has no name on this machine; give one with --voter NAME")
    return name


@click.command(epilog=examples("vote human smollm2/direct/chatgpt/sft --voter ana"))
@click.argument("a")
@click.argument("b")
@click.option(
    "--voter", metavar="NAME", default=_login, show_default="your login name", help="The voter's name."
)
@click.option(
    "--uniform", is_flag=True, help="Draw pairs uniformly instead of by the uncertainty of the judges."
)
@click.pass_context
def vote(ctx: click.Context, a: str, b: str, voter: str, uniform: bool) -> None:
    """Vote on the responses of A and B to the test dialogues, blind.

    Each pair is shown in random order; ← and → choose, t is a tie, s skips, u undoes the last vote. You can
    leave at any time: the same command continues. Each voter needs their own name.

    Pairs of which the judges that compared the two are uncertain are more likely to come early, because votes
    on them are most informative; votes are weighted for that. --uniform, or d on the screen, draws uniformly.
    """
    problem = human_votes.voter_problem(voter)
    if problem is not None:
        raise CommandError(f"{problem}, and give it with --voter NAME")
    workspace = workspace_of(ctx)
    if not workspace.evaluation.ballot_items(a, b, voter):
        raise CommandError(
            f"{a} and {b} have no two different responses to a test dialogue yet; "
            "`empathy-tui status` shows whether they have responded"
        )
    if not in_terminal():
        raise CommandError("voting needs a terminal")
    try:
        open_app(workspace.paths, ballot=(a, b, voter, uniform))
    finally:
        click.echo(visible(_summary(workspace, a, b, voter), lines=True))


def _summary(workspace: Workspace, a: str, b: str, voter: str) -> str:
    """How many votes the voter has cast, once the last ones are stored."""
    pipeline = workspace.pipeline
    if pipeline.has_pending_intents():
        workspace.commands.ensure_supervisor()
    deadline = time.monotonic() + _STORE_S
    while pipeline.has_pending_intents() and time.monotonic() < deadline:
        time.sleep(0.05)
    late = pipeline.has_pending_intents()
    items = workspace.evaluation.ballot_items(a, b, voter)
    voted = sum(item.choice is not None for item in items)
    summary = f"{voter} has voted on {voted} of {len(items)} pairs"
    if late:
        return f"{summary}; the last votes are not stored yet."
    summary = f"{summary}." + ("" if voted == len(items) else " The same command continues.")
    # Without the win rate itself: who votes on must not know who is ahead.
    more = [
        f"\nWith the verdicts of {one.judge}: {human_votes.more_votes(one)}."
        for one in workspace.evaluation.prediction_powered()
        if {one.a, one.b} == {a, b}
    ]
    return summary + "".join(more)
