"""The command that prints and follows logs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from core.api import ENDED
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Log, LogLine, LogPage, Workspace

#: Lines per read, and seconds between two.
_PAGE, _LOOK_S = 500, 0.5


@click.command(
    epilog=examples(
        "logs", "logs sft:smollm2/direct/chatgpt/sft -n 200", "logs --follow recipe:direct/chatgpt"
    )
)
@click.argument("job", required=False)
@click.option(
    "-n",
    "--lines",
    metavar="N",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Number of lines.",
)
@click.option(
    "-f",
    "--follow",
    is_flag=True,
    help="Print new lines, also of later attempts, until the job has ended; without JOB, until Ctrl+C.",
)
@json_option
@click.pass_context
def logs(ctx: click.Context, job: str | None, lines: int, follow: bool, as_json: bool) -> None:
    """Print the last lines of a job's log; without JOB, of the supervisor's.

    JOB is an id or its beginning, or STAGE:NAME.
    """
    if follow and as_json:
        raise click.UsageError("use only one of --follow and --json")
    workspace = workspace_of(ctx)
    wanted = None if job is None else workspace.pipeline.find_job(job)
    log = workspace.pipeline.log(wanted)
    found: list[LogLine] = []
    page: LogPage | None = None
    last: LogPage | None = None
    while log is not None and len(found) < lines and (page is None or page.start > 0):
        page = log.back(None if page is None else page.start, lines - len(found))
        last = last or page
        found[:0] = page.lines
    if follow:
        end = 0 if last is None else last.end
        _print([line for line in found if line.start < end])
        log = _follow(workspace, wanted, log, last)
    elif as_json and log is not None:
        shown = [json.LoggedLine(level=one.level, text=one.text) for one in found]
        json.write(json.LoggedLines(job=wanted, file=str(log.path), attempt=log.attempt, lines=shown))
    else:
        _print(found)
    if log is None or not (found or follow):
        why = "the supervisor has never run" if job is None else "the job has never run"
        raise CommandError(f"there is no log yet: {why}")


def _print(lines: Sequence[LogLine]) -> None:
    for line in lines:
        click.echo(visible(line.text.expandtabs(4)))


def _follow(workspace: Workspace, job: str | None, log: Log | None, page: LogPage | None) -> Log | None:
    """Print the lines after `page` of a log as they are finished, until the job has ended; its last log."""
    while True:
        # Before the lines are read, so that none is missed.
        has_ended = job is not None and all(one.state in ENDED for one in workspace.pipeline.jobs([job]))
        now = workspace.pipeline.log(job)
        if now is not None and (log is None or now.attempt != log.attempt):
            if log is not None:
                click.echo(f"attempt {now.attempt}:", err=True)
            log, page = now, None
        while log is not None:
            following = log.ahead(0 if page is None else page.end, _PAGE)
            if page is not None and not following.goes_on(page.size, page.head):
                click.echo("the log was replaced; from its beginning:", err=True)
                page = None
                continue
            page = following
            # Of a line that is being written only the end is shown, once it has one.
            _print([line for line in page.lines if has_ended or line.start < page.end])
            if page.is_last:
                break
        if has_ended:
            return log
        time.sleep(_LOOK_S)
