"""The command that shows the app in a browser."""

from __future__ import annotations

import os
import signal
import socket

import click

from tui.cli.options import Refused, place_of, workspace_of
from tui.format.text import visible

_TOKEN = "EMPATHY_SERVE_TOKEN"
#: Characters that a token has at least, so that nobody guesses it.
_SHORTEST = 20
_MAKE = f"export {_TOKEN}=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where it is served.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free."
)
@click.option("--write", is_flag=True, help="Let the browser start, cancel and change things.")
@click.option("--public-url", metavar="URL", help="What browsers open, if a proxy stands between.")
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, write: bool, public_url: str | None) -> None:
    """Show the app in a browser, on this machine alone, to be watched.

    Every tab is a session of its own. A token in the environment variable EMPATHY_SERVE_TOKEN is asked for
    before anything is shown; without one no address that other machines can reach is served.
    """
    from tui.web.address import take
    from tui.web.server import Server

    if write and place_of(ctx).read_only:
        raise Refused("--read-only and --write contradict each other: leave one out")
    paths = workspace_of(ctx).paths
    # Not for the processes that are started.
    token = os.environ.pop(_TOKEN, None)
    if token is not None and len(token) < _SHORTEST:
        raise Refused(f"{_TOKEN} has fewer than {_SHORTEST} characters; make one with\n{_MAKE}")
    address = take(host, port, public_url, is_guarded=token is not None)
    told = [
        f"Serving {visible(str(paths.root))} at {address.url}",
        "The browser may start, cancel and change things."
        if write
        else "It is watched: nothing can be started or changed. --write allows it.",
    ]
    if token is not None:
        told.append(f"The token in {_TOKEN} is asked for.")
    else:
        told.append(f"Whoever has an account on this machine can open it; a token prevents that:\n  {_MAKE}")
    if not (address.is_local or address.url.startswith("https:")):
        told.append(
            "It is not encrypted: whoever is on the way reads it, and the token. Safer: leave --host out, "
            f"and open it through\n  ssh -L {address.port}:127.0.0.1:{address.port} {socket.gethostname()}"
        )
    told.append("Ctrl+C ends it, and the session of every tab.")
    click.echo(visible("\n".join(told), lines=True))
    number = Server(paths.root, address, token, write=write).run()
    if number is signal.SIGINT:
        raise KeyboardInterrupt
    ctx.exit(128 + number)
