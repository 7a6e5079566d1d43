"""The report as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.domain.text import visible
from core.reports.gather import Report
from core.reports.plots import Plot
from core.reports.tables.cells import ReportCell, ReportTable

_HERE = Path(__file__).parent


def page(
    report: Report, tables: Sequence[ReportTable], plots: Sequence[Plot], warnings: Sequence[str]
) -> str:
    """Render the page. Text is escaped; the content security policy allows only what the page contains."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["sort_key"] = _sort_key
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        report=report,
        tables=tables,
        plots=[(plot, _inline(plot)) for plot in plots],
        warnings=warnings,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _visible(value: object) -> object:
    """What a place of the template shows of a value."""
    return visible(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value


def _inline(plot: Plot) -> Markup:
    """The SVG without its prologue, and with ids that are unique in the page."""
    text = plot.svg.decode()
    text = text[text.index("<svg") :]
    prefix = re.sub(r"\W", "-", plot.name)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    text = re.sub(r"url\(#", f"url(#{prefix}-", text)
    # Matplotlib escapes the text, from which control characters have been removed.
    return Markup(_without_styles(text))


def _without_styles(svg: str) -> str:
    """Replace style attributes by presentation attributes, because the page's policy forbids inline styles.

    Style sheets and metadata are removed.
    """

    def spread(match: re.Match[str]) -> str:
        pairs = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
        return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)

    svg = re.sub(r"<(style|metadata)\b[^>]*>.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sstyle="([^"]*)"', spread, svg)
    return svg.replace("<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" ', 1)


def _sort_key(cell: ReportCell) -> str:
    return "" if cell.value is None else str(cell.value)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
