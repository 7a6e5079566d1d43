"""Makes untrusted text safe to show, for everything that draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.api import visible

__all__ = ["visible"]

if TYPE_CHECKING:
    from textual.content import Content

    #: A part of a `Content`, as `Content.assemble` takes it: a tuple is a text with its style.
    TextPart = Content | str | tuple[str, str]
