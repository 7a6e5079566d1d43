"""The command that serves students and runs to other programs, and to the jobs that answer the test split."""

from __future__ import annotations

import signal
import socket
import sys
from contextlib import closing
from types import FrameType
from typing import TYPE_CHECKING

import click

from tui.cli.options import CommandError, examples, workspace_of
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import ServerProgram


@click.command(
    "serve-model",
    epilog=examples(
        "serve-model smollm2 smollm2/direct/chatgpt/sft",
        "serve-model smollm2/direct/all_together/sft-dpo --port 9000",
    ),
)
@click.argument("responders", metavar="RESPONDER...", nargs=-1, required=True)
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    default=8001,
    show_default=True,
    help="The port to listen on.",
)
@click.option(
    "--program",
    type=click.Choice(["vllm", "transformers"]),
    help="The server's program; by default vLLM where it is installed, else Transformers' own server.",
)
@click.pass_context
def serve_model(
    ctx: click.Context, responders: tuple[str, ...], port: int, program: ServerProgram | None
) -> None:
    """Serve a student and runs of it with an OpenAI-compatible API, on this machine alone.

    Each is a model of its own name, with the chat template of training. vLLM has one base model with all
    adapters. Transformers' own server is slow, and gets a temporary copy of the model for each run.
    Ctrl+C ends it.
    """
    server = workspace_of(ctx).model_server(responders, port, program)
    _check_port(port)
    name = {"vllm": "vLLM", "transformers": "Transformers' own server"}[server.program]
    click.echo(
        visible(
            f"{name} serves {', '.join(one.name for one in server.served)} at {server.base_url}. "
            f"Ctrl+C ends it. To have the test split answered by it, add to config.toml:\n\n"
            f'[servers.{server.student_name}]\nbase_url = "{server.base_url}"\n',
            lines=True,
        )
    )
    signal.signal(signal.SIGTERM, _end)
    ctx.exit(server.run())


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _check_port(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"port {port}: {error.strerror}; choose another with --port") from error
