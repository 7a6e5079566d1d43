"""Characters that a text cannot have, or that a server left in it."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_REPLACEMENT = "\ufffd"
#: Control characters other than tabs and ends of lines, and the escape sequences of terminals.
_CONTROL = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def without_half_characters(text: str) -> str:
    """`text` with its surrogate pairs joined, and without lone surrogates, which UTF-8 cannot encode."""
    if _SURROGATE.search(text) is None:
        return text
    return _SURROGATE.sub("", _PAIR.sub(_joined, text))


def with_visible_half_characters(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate, so that it can be written and shows what was there."""
    if _SURROGATE.search(text) is None:
        return text
    return _SURROGATE.sub(_REPLACEMENT, _PAIR.sub(_joined, text))


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def without_broken_characters(text: str) -> str:
    """`text` without halves of characters, also where a server has replaced them by U+FFFD."""
    return without_half_characters(text).replace(_REPLACEMENT, "")


def without_control_characters(text: str) -> str:
    """`text` without control characters, which are invisible."""
    return _CONTROL.sub("", text)
