"""Writing a report to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.domain.errors import UserError
from core.domain.paths import file_name
from core.jobs.output_folder import OutputFolder
from core.reports import gather, page, plots
from core.reports.tables import reader_warnings, tables, texts
from core.services.workspace import Workspace

#: Lists the report's files, so that the next report can replace them.
CONTENTS = "contents.json"


def write_report(workspace: Workspace, folder: Path | None = None, judge: str | None = None) -> list[Path]:
    """Write a report on the workspace's results, for all judges or one, and return the files' paths.

    `folder` is by default one in the workspace's `reports/`. A report is report.html, report.md, each table
    as CSV and LaTeX, and each plot as SVG and PNG. The same results give the same bytes. An earlier report in
    the folder is replaced. Raises `UserError` when there are no results, the judge is unknown, or the folder
    contains other files.
    """
    folder = workspace.paths.report(judge) if folder is None else folder
    workspace.paths.check_output(folder)
    output = OutputFolder(folder, CONTENTS, "a report")
    output.check()
    report = gather.gather(workspace, judge)
    if not report.rates and not report.human:
        raise UserError(
            "there is no comparison to report: define judges and comparisons in config.toml, then "
            "run `empathy-tui run`"
        )
    return output.replace({file_name(name): content for name, content in _files(report)})


def _files(report: gather.Report) -> Iterator[tuple[str, bytes]]:
    shown, warnings, drawn = tables.tables(report), reader_warnings.warnings(report), plots.plots(report)
    yield "report.html", page.page(report, shown, drawn, warnings).encode()
    yield "report.md", texts.markdown_of(report, shown, warnings).encode()
    for table in shown:
        yield f"{table.name}.csv", texts.csv_of(table).encode()
        yield f"{table.name}.tex", texts.latex_of(table).encode()
    for plot in drawn:
        yield f"{plot.name}.svg", plot.svg
        yield f"{plot.name}.png", plot.png
