"""Makes text from outside fit to be shown: nothing in it can steer a terminal or hide."""

from __future__ import annotations

import re

# Control characters, bidi controls, invisible format characters, line separators, lone surrogates, tags.
# Joiners (U+200C, U+200D) stay: scripts and emoji need them, and they do no harm.
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with everything that is not plainly visible replaced by something that is.

    Control characters become their Unicode pictures, other invisible ones `<U+202E>`. With
    `lines`, line breaks stay and tabs become spaces. What comes out is never markup-parsed by
    whoever shows it; that is the caller's part.
    """
    if text.isascii() and text.isprintable():
        return text
    if lines:
        text = text.replace("\r\n", "\n").expandtabs(4)
        return "\n".join(_HOSTILE.sub(_picture, line) for line in text.split("\n"))
    return _HOSTILE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"<U+{code:04X}>"
