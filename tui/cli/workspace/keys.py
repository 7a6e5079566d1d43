"""The command that lists the app's keys."""

from __future__ import annotations

import click

from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json


@click.command(epilog=examples("keys"))
@json_option
@click.pass_context
def keys(ctx: click.Context, as_json: bool) -> None:
    """List the app's keys. The ids are for config.toml's [app.keys], which assigns other keys.

    The exit code is 1 when [app.keys] is invalid.
    """
    from tui.app.config.keymap import key_lines, problems

    config, _ = workspace_of(ctx).data.config()
    assigned = {} if config is None else config.app.keys
    lines = key_lines(assigned)
    if as_json:
        json.write(lines)
    else:
        from tui.cli.output.tables import make_console
        from tui.cli.output.workspace.keys import print_keys

        print_keys(make_console(), lines)
    if found := problems(assigned):
        raise CommandError("\n".join(found))
