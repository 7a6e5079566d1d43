"""The command line that runs the program on another machine, whatever shell its user has there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tui.remote.address import RemoteWorkspace
from tui.runtime.terminal.remote_terminal import HOST_VARIABLE

PROGRAM = "empathy-tui"
#: The exit code when the program does not run there; a shell's for a command that is not found.
NO_PROGRAM = 127
#: Variables of this terminal that ssh does not pass on.
_TERMINAL = ("COLORTERM", "NO_COLOR")
#: These mean the same between single quotes in every shell: sh, bash, zsh, fish, csh.
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./:=@,+-")

#: `uv tool` and `pipx` install into ~/.local/bin, which a shell without a terminal often does not search.
_VERSION = """PATH=$PATH:$HOME/.local/bin
export PATH
found=$({program} --version </dev/null 2>/dev/null | head -n 1)
"""
_SCRIPT = (
    _VERSION
    + """case $found in
{same}) ;;
{any}*) printf '%s %s%s\\n' {has} "${{found##* }}" {here} >&2 ;;
*) {program} --version </dev/null >&2; exit {missing} ;;
esac
export {variables}
{program} {words}
"""
)


def command_line(
    workspace: RemoteWorkspace,
    words: Sequence[str],
    *,
    read_only: bool,
    program: str = PROGRAM,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """What ssh runs: the program on the workspace, with a warning if its version is not the one here.

    `program` is a command of a POSIX shell, which may have several words. `words` arrive as they are.
    """
    installed = version(PROGRAM)
    host = workspace.host
    here = f", here is {installed}: commands differ until both machines have the same version"
    passed = {name: environment[name] for name in _TERMINAL if name in environment}
    options = ["--read-only"] if read_only else []
    script = _SCRIPT.format(
        program=program,
        same=shlex.quote(f"{PROGRAM}, version {installed}"),
        any=shlex.quote(f"{PROGRAM}, version "),
        has=shlex.quote(f"{PROGRAM}: {host.name} has version"),
        here=shlex.quote(here),
        missing=NO_PROGRAM,
        variables=" ".join(
            f"{name}={shlex.quote(value)}" for name, value in ({HOST_VARIABLE: str(host)} | passed).items()
        ),
        words=f"{shlex.join(options)} --workspace {workspace.shell_word} {shlex.join(words)}",
    )
    return _for_any_shell(script)


def version_command(program: str) -> str:
    """What ssh runs to print the first line of the program's versions, and then each line that it gets."""
    return _for_any_shell(f"{_VERSION.format(program=program)}printf '%s\\n' \"$found\"\nexec cat\n")


def _for_any_shell(script: str) -> str:
    """A command that runs a script of a POSIX shell, to be given to a shell of any kind."""
    coded = "".join(chr(byte) if byte in _PLAIN else f"\\0{byte:03o}" for byte in os.fsencode(script))
    return f"""exec sh -c 'eval "$(printf %b "$1")"' sh '{coded}'"""
