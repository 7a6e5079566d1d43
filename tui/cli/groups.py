"""Groups of commands: what is common to the program and to its commands with subcommands."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

#: Longer than any short help, so that none is cut.
_WHOLE = 10_000
#: A group with more commands does not name them in an error.
_NAMED = 8


class CommandGroup(click.Group):
    """Suggests what an unknown command may stand for, and lists commands with their whole sentence."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            near = get_close_matches(name, known, cutoff=0.6)
            if near:
                meant = f"Did you mean {' or '.join(near)}?"
            elif len(known) <= _NAMED:
                meant = f"The commands of {ctx.command_path} are {', '.join(known)}."
            else:
                meant = f"{ctx.command_path} --help lists them."
            ctx.fail(f"No such command '{name}'. {meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(_WHOLE)) for name, one in commands if one and not one.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def with_leading_option(args: list[str], option: str) -> list[str]:
    """The arguments with the option and its value moved to the front, wherever they are.

    An option of the program is accepted after the command as well. What follows `--` is left alone.
    """
    moved: list[str] = []
    rest: list[str] = []
    left = list(args)
    while left:
        arg = left.pop(0)
        if arg == "--":
            rest += [arg, *left]
            break
        if arg == option and left:
            moved += [arg, left.pop(0)]
        elif arg.startswith(f"{option}="):
            moved.append(arg)
        else:
            rest.append(arg)
    return [*moved, *rest]


def print_versions(ctx: click.Context, parameter: click.Parameter, wanted: Any) -> None:
    """Print the versions of the program and of the libraries that decide its results."""
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"empathy-tui, version {version('empathy-tui')}")
    lines = [("Python", platform.python_version())]
    for name in _LIBRARIES:
        try:
            lines.append((name, version(name)))
        except PackageNotFoundError:
            lines.append((name, "not installed"))
    for name, found in lines:
        click.echo(f"  {name} {found}")
    ctx.exit()


#: The libraries that decide what jobs do and how screens look.
_LIBRARIES = (
    *("torch", "transformers", "trl", "peft", "tokenizers"),
    *("openai", "google-genai", "anthropic", "textual"),
)

#: How a shell completes commands; shown at the end of the program's help.
COMPLETION = "\n".join(
    (
        "\b",
        "Completion of commands, for the shell's start file:",
        '  bash  eval "$(_EMPATHY_TUI_COMPLETE=bash_source empathy-tui)"',
        '  zsh   eval "$(_EMPATHY_TUI_COMPLETE=zsh_source empathy-tui)"',
        "  fish  _EMPATHY_TUI_COMPLETE=fish_source empathy-tui | source",
    )
)
