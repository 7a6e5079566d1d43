"""A report as a folder of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from core.domain.errors import UserError
from core.jobs import files
from core.reports import gather, page, plots, tables, texts
from core.services.workspace import Workspace

#: Lists what the folder holds, so that the next report knows its own.
CONTENTS = "contents.json"


def write_report(workspace: Workspace, folder: Path, judge: str | None = None) -> list[Path]:
    """Write what the workspace's comparisons tell, of all judges or one, to `folder`; the files' paths.

    report.html, report.md, and each table as CSV and LaTeX and each plot as SVG and PNG. The same figures
    give the same bytes. Files of an earlier report give way. Raises `UserError` when there is nothing to
    report, no such judge, or the folder holds anything else.
    """
    earlier = _earlier(folder)
    report = gather.gather(workspace, judge)
    if not report.rates and not report.human:
        raise UserError(
            "there is no comparison to report: config.toml names judges and what meets, and "
            "`empathy-tui run` compares"
        )
    made = dict(_files(report))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in earlier - made.keys():
            (folder / name).unlink(missing_ok=True)
        # First, so that whatever ends this half-way leaves files that the next report knows.
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
    """The files of an earlier report in the folder. Raises `UserError` when it holds any other."""
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder")
    try:
        listed = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        listed = []
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / CONTENTS} cannot be read: {error}; name another folder") from error
    known = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    others = [path.name for path in folder.iterdir() if path.name not in known and path.name != CONTENTS]
    if others:
        raise UserError(f"{folder} holds {others[0]!r}, which no report wrote: name another folder")
    return known
