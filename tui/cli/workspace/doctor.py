"""The command that checks the machine and the workspace."""

from __future__ import annotations

import click

from core.api import examine
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json


@click.command(epilog=examples("doctor"))
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the machine, the terminal, API keys and the workspace, and suggest fixes.

    The exit code is 1 when a check fails.
    """
    checks = []
    if as_json:
        checks = list(examine(workspace_of(ctx).paths))
        json.write(checks)
    else:
        from tui.cli.output.tables import make_console
        from tui.cli.output.workspace.doctor import print_check

        console = make_console()
        for check in examine(workspace_of(ctx).paths):
            checks.append(check)
            print_check(console, check)
    failed = sum(check.outcome == "fail" for check in checks)
    if failed:
        raise CommandError(f"{failed} of {len(checks)} checks failed")
