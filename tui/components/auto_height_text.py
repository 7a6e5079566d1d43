"""A text as high as its content, however often that changes before a layout."""

from __future__ import annotations

from textual.visual import VisualType
from textual.widgets import Static


class AutoHeightText(Static):
    """A `Static` whose height follows its content; its text is not markup.

    Textual 8 keeps the measure of a widget until it requests a layout, and a request is dropped while an
    earlier one waits. If a layout that another widget has requested comes between the two, the widget keeps
    the height of its earlier content.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        if layout:
            # An earlier request that may have been met already.
            self._layout_required = False
        super().update(content, layout=layout)
