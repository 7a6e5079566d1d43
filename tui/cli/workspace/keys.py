"""The command that lists the app's keys."""

from __future__ import annotations

import click

from tui.cli.options import examples, json_option
from tui.cli.output import json


@click.command(epilog=examples("keys"))
@json_option
def keys(as_json: bool) -> None:
    """List the app's keys. The ids are for config.toml's [app.keys], which assigns other keys."""
    from tui.app.config.keymap import key_lines

    lines = key_lines()
    if as_json:
        json.write(lines)
        return
    from tui.cli.output.tables import make_console
    from tui.cli.output.workspace.keys import print_keys

    print_keys(make_console(), lines)
