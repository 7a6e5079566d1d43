"""What an import left out, and suspicious texts, as lines of a screen or a dialog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.data import findings
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import Finding


def of_import(left_out: Sequence[Finding], suspicious: Sequence[Finding]) -> Iterator[Content]:
    """A heading for each kind that there is, and its findings below."""
    for found, title in ((left_out, findings.LEFT_OUT), (suspicious, findings.SUSPICIOUS)):
        if found:
            yield Content.styled(findings.heading(found, title), "$text-warning")
            yield from (Content(f"  {visible(str(finding))}") for finding in found)
