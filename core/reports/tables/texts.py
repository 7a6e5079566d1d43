"""Tables as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from core.domain.text import visible
from core.reports.gather import Report
from core.reports.tables.cells import ReportCell, ReportTable

#: Text that a spreadsheet would run as a formula, those of East Asian keyboards included.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")


def csv_of(table: ReportTable) -> str:
    """A table as CSV with a header and all its columns. Numbers are unrounded; unknown values are empty."""
    table = table.full or table
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_text(title) for title in table.columns])
    writer.writerows([_csv_value(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def markdown_of(report: Report, tables: Sequence[ReportTable], warnings: Sequence[str]) -> str:
    """The whole report in GitHub-flavoured Markdown."""
    parts = [f"# Report on {_markdown(report.workspace)}"]
    parts += [f"> {_markdown(warning)}" for warning in warnings]
    for table in tables:
        rule = [("---:" if i in table.numeric else "---") for i in range(len(table.columns))]
        rows = [
            [f"**{_markdown(cell.text)}**" if cell.is_best else _markdown(cell.text) for cell in row]
            for row in table.rows
        ]
        lines = [[_markdown(title) for title in table.columns], rule, *rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts += [f"## {_markdown(table.title)}", _markdown(table.note), body]
    for example in report.examples:
        rate, pair = example.rate, example.pair
        parts.append(f"### {_markdown(f'{rate.name.sides}, dialogue {pair.dialog_id}: {example.why}')}")
        texts = (
            ("Situation", pair.situation),
            ("Utterance", pair.utterance),
            (f"A, {rate.a}", pair.response_a or "no response"),
            (f"B, {rate.b}", pair.response_b or "no response"),
        )
        ruled = [(f"{v.judge} ({v.order})", f"{v.winner}: {v.raw}") for v in pair.verdicts]
        parts.append("\n".join(f"- {_markdown(who)}: {_markdown(what)}" for who, what in (*texts, *ruled)))
    return "\n\n".join(parts) + "\n"


def latex_of(table: ReportTable) -> str:
    """A table for LaTeX's booktabs package, to be included with `\\input`."""
    alignment = "".join("r" if i in table.numeric else "l" for i in range(len(table.columns)))
    rows = [
        " & ".join(rf"\textbf{{{_latex(cell.text)}}}" if cell.is_best else _latex(cell.text) for cell in row)
        for row in table.rows
    ]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(table.title)}. {_latex(table.note)}}}",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        " & ".join(_latex(title) for title in table.columns) + r" \\",
        r"\midrule",
        *(rf"{row} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _csv_value(cell: ReportCell) -> str:
    if cell.value is None:
        return ""
    if isinstance(cell.value, str):
        return _csv_text(cell.text)
    return repr(cell.value)


def _csv_text(text: str) -> str:
    text = visible(text)
    return f"'{text}" if _FORMULA.match(text) else text


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", visible(text))


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in visible(text))
