"""docs/commands.md, and README's table of commands, from the click commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

from docs.generator.markdown import NOTE, cell, table
from tui.cli.main import main

#: Columns of the help texts.
_WIDTH = 100

_INTRODUCTION = f"""# Commands

{NOTE} `empathy-tui COMMAND --help` prints the same.
"""


def page() -> str:
    """The page: a table of all commands, then the help of each."""
    contexts = list(_contexts())
    rows = [
        (f"[`{_name(ctx)}`](#{ctx.command_path.replace(' ', '-')})", cell(_summary(ctx.command)))
        for ctx in contexts
    ]
    helps = (
        f"\n## {ctx.command_path}\n\n```text\n{ctx.command.get_help(ctx).rstrip()}\n```\n" for ctx in contexts
    )
    return f"{_INTRODUCTION}\n{table(('command', 'what it does'), rows)}{''.join(helps)}"


def summary() -> str:
    """README's table: each top-level command with its arguments and its subcommands."""
    rows = [("`empathy-tui`", "Open the app.")]
    for ctx in _contexts():
        if ctx.parent is None or ctx.parent.parent is not None:
            continue
        command, what = ctx.command, cell(_summary(ctx.command))
        if isinstance(command, click.Group):
            what += f" Subcommands: {', '.join(f'`{name}`' for name in command.list_commands(ctx))}."
        rows.append((f"`{' '.join((_name(ctx), *_arguments(ctx)))}`", what))
    return table(("command", "what it does"), rows)


def _contexts() -> Iterator[click.Context]:
    """Every command with the context that its help needs, a group before its subcommands."""
    root = click.Context(main, info_name="empathy-tui", terminal_width=_WIDTH, **main.context_settings)
    waiting = [root]
    while waiting:
        ctx = waiting.pop(0)
        yield ctx
        if isinstance(ctx.command, click.Group):
            waiting[:0] = [
                click.Context(command, ctx, info_name=name, terminal_width=_WIDTH)
                for name in ctx.command.list_commands(ctx)
                if (command := ctx.command.get_command(ctx, name)) is not None
            ]


def _name(ctx: click.Context) -> str:
    """The command without the program's name."""
    return ctx.command_path.removeprefix("empathy-tui ")


def _arguments(ctx: click.Context) -> list[str]:
    return [
        parameter.make_metavar(ctx)
        for parameter in ctx.command.params
        if isinstance(parameter, click.Argument)
    ]


def _summary(command: click.Command) -> str:
    """The first sentence of the help."""
    return command.get_short_help_str(limit=1000)
