"""Writing a report to a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath

from core.domain.errors import UserError
from core.domain.paths import file_name, is_inside
from core.jobs import files
from core.reports import gather, page, plots, tables, texts
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
    earlier = _earlier(folder)
    report = gather.gather(workspace, judge)
    if not report.rates and not report.human:
        raise UserError(
            "there is no comparison to report: define judges and comparisons in config.toml, then "
            "run `empathy-tui run`"
        )
    made = {file_name(name): content for name, content in _files(report)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in earlier - made.keys():
            (folder / name).unlink(missing_ok=True)
        # First, so that after an interruption the next report knows which files to replace.
        files.write_bytes(folder / CONTENTS, json.dumps(sorted(made.keys() | earlier), indent=1).encode())
        for name, content in made.items():
            files.write_bytes(folder / name, content)
        files.write_bytes(folder / CONTENTS, json.dumps(sorted(made), indent=1).encode())
    except OSError as error:
        raise UserError(f"the report cannot be written to {folder}: {error}") from error
    return [folder / name for name in made]


def _files(report: gather.Report) -> Iterator[tuple[str, bytes]]:
    shown, warnings, drawn = tables.tables(report), tables.warnings(report), plots.plots(report)
    yield "report.html", page.page(report, shown, drawn, warnings).encode()
    yield "report.md", texts.markdown_of(report, shown, warnings).encode()
    for table in shown:
        yield f"{table.name}.csv", texts.csv_of(table).encode()
        yield f"{table.name}.tex", texts.latex_of(table).encode()
    for plot in drawn:
        yield f"{plot.name}.svg", plot.svg
        yield f"{plot.name}.png", plot.png


def _earlier(folder: Path) -> set[str]:
    """The files of an earlier report in the folder. Raises `UserError` if there are other files."""
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: choose a folder")
    try:
        listed = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        listed = []
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{folder / CONTENTS} cannot be read: {error}; choose another folder") from error
    known = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    for name in known:
        # They are deleted: a report has files in its own folder alone.
        if not is_inside(name) or PurePath(name).name != name:
            raise UserError(
                f"{folder / CONTENTS} names {name!r}, which no report writes: choose another folder"
            )
    others = [path.name for path in folder.iterdir() if path.name not in known and path.name != CONTENTS]
    if others:
        raise UserError(f"{folder} contains {others[0]!r}, which is not part of a report: choose another")
    return known
