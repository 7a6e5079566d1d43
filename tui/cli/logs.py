"""The command that prints logs."""

from __future__ import annotations

import click

from tui.cli.options import CommandError, examples, workspace_of
from tui.format.text import visible


@click.command(epilog=examples("logs", "logs sft:smollm2/direct/chatgpt/sft -n 200"))
@click.argument("job", required=False)
@click.option(
    "-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, help="Number of lines."
)
@click.pass_context
def logs(ctx: click.Context, job: str | None, lines: int) -> None:
    """Print the last lines of a job's log; without JOB, of the supervisor's.

    JOB is an id or its beginning, or STAGE:NAME.
    """
    pipeline = workspace_of(ctx).pipeline
    log = pipeline.log(None if job is None else pipeline.find_job(job))
    found: list[str] = []
    before: int | None = None
    while log is not None and len(found) < lines and before != 0:
        page = log.back(before, lines - len(found))
        found[:0] = [visible(line.text.expandtabs(4)) for line in page.lines]
        before = page.start
    if not found:
        why = "the supervisor has never run" if job is None else "the job has never run"
        raise CommandError(f"there is no log yet: {why}")
    click.echo("\n".join(found))
