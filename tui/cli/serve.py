"""The command that serves the app to browsers."""

from __future__ import annotations

import os
import signal

import click

from tui.cli.options import CommandError, examples, global_options, workspace_of
from tui.format.text import visible

_TOKEN = "EMPATHY_SERVE_TOKEN"
#: Minimum length of a token, so that nobody can guess it.
_MIN_LENGTH = 20
_MAKE = f"export {_TOKEN}=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"


@click.command(epilog=examples("serve", "serve --write --port 8080"))
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on."
)
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0 for any free one.",
)
@click.option("--write", is_flag=True, help="Let browsers start, cancel and change things.")
@click.option("--public-url", metavar="URL", help="The address that browsers open, if there is a proxy.")
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, write: bool, public_url: str | None) -> None:
    """Serve the app to browsers, by default read-only and on this machine alone.

    Every tab is a separate session. If the environment variable EMPATHY_SERVE_TOKEN holds a token, browsers
    must enter it. Without a token, the server refuses addresses that other machines can reach.

    After ten wrong tokens within a minute from one address (in IPv6, one /64 network), the server refuses
    every token from there until the minute is over, so that the right one cannot be guessed. Behind a proxy,
    all browsers share one address. Browsers that have entered the token before are not affected.
    """
    from tui.web.address import listen, ssh_forward
    from tui.web.server import WebServer

    if write and global_options(ctx).read_only:
        raise CommandError("--read-only and --write contradict each other; use one of them")
    paths = workspace_of(ctx).paths
    # Removed from the environment: child processes must not see it.
    token = os.environ.pop(_TOKEN, None)
    if token is not None and len(token) < _MIN_LENGTH:
        raise CommandError(f"{_TOKEN} has fewer than {_MIN_LENGTH} characters; make one with\n{_MAKE}")
    address = listen(host, port, public_url, has_token=token is not None)
    lines = [
        f"Serving {visible(str(paths.root))} at {address.url}",
        "Browsers can start, cancel and change things."
        if write
        else "Read-only: browsers cannot start or change anything. --write allows it.",
    ]
    if token is not None:
        lines.append(f"Browsers must enter the token in {_TOKEN}.")
    else:
        lines.append(f"Every user of this machine can open it. To prevent that, set a token:\n  {_MAKE}")
    if not (address.is_local or address.url.startswith("https:")):
        lines.append(
            "The connection is not encrypted: others on the network can read it, and the token. Safer: omit "
            f"--host, and open it through\n  {ssh_forward(address.port)}"
        )
    lines.append("Ctrl+C stops the server and the session of every tab.")
    click.echo(visible("\n".join(lines), lines=True))
    number = WebServer(paths.root, address, token, write=write).run()
    if number is signal.SIGINT:
        raise KeyboardInterrupt
    ctx.exit(128 + number)
