"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.options import json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=True), default=Path("report"))
@click.option("--judge", metavar="NAME", help="Of this judge's comparisons alone.")
@json_option
@click.pass_context
def report(ctx: click.Context, folder: Path, judge: str | None, as_json: bool) -> None:
    """Write the comparisons as a report to FOLDER (report/ by default).

    A page for a browser, Markdown, CSV and LaTeX tables, SVG and PNG plots. The same figures give the same
    bytes.
    """
    # Draws plots: seconds that no other command pays.
    from core.api import write_report

    workspace = workspace_of(ctx)
    written = write_report(workspace, folder, judge)
    if as_json:
        json.write([str(path) for path in written])
    else:
        click.echo(visible(f"{len(written)} files in {folder}; open {folder / 'report.html'}"))
