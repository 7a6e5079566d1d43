"""Wrapped lines whose further lines are indented, so that what stands at their left stands alone."""

from __future__ import annotations

from textual.content import Content


def hanging(text: Content, indent: int, width: int) -> Content:
    """Each line of a text within `width` cells; as it is where the indent would leave little room."""
    if not indent or width < 2 * indent:
        return text
    lines: list[Content] = []
    for line in text.split(allow_blank=True):
        if line.cell_length <= width:
            lines.append(line)
        else:
            first, *further = line[indent:].wrap(width - indent)
            lines.append(Content.assemble(line[:indent], first))
            lines += [Content.assemble(" " * indent, one) for one in further]
    return Content("\n").join(lines)
