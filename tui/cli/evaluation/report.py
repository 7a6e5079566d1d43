"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.options import examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.output.places import say_where
from tui.format.text import visible
from tui.format.values import counted


@click.command(epilog=examples("report", "report paper/results --judge gpt-4o"))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=True), required=False)
@click.option("--judge", metavar="NAME", help="Include only comparisons under this judge.")
@json_option
@click.pass_context
def report(ctx: click.Context, folder: Path | None, judge: str | None, as_json: bool) -> None:
    """Write the results to FOLDER (by default in reports/).

    The default is reports/all in the workspace, or reports/judge-NAME with --judge. A report is an HTML
    page, Markdown, tables as CSV and LaTeX, and plots as SVG and PNG. The same results yield identical files.
    """
    # Imports matplotlib, which takes seconds.
    from core.api import write_report

    written = write_report(workspace_of(ctx), folder, judge)
    if as_json:
        json.write(written)
    else:
        # The page is the first of the files.
        page = written[0]
        click.echo(visible(f"{counted(len(written), 'file')} in {page.parent}; open {page}"))
    say_where(written[0].parent)
