"""Checks of the terminal."""

from __future__ import annotations

import locale
import os
import shutil
import sys
from collections.abc import Iterator

from core.domain.checks import Check


def terminal() -> Iterator[Check]:
    stream = sys.__stdout__
    encoding = (getattr(stream, "encoding", None) or locale.getpreferredencoding(False)).lower()
    if encoding.replace("-", "") == "utf8":
        yield Check("terminal: encoding", "ok", "UTF-8")
    else:
        remedy = "set a UTF-8 locale: `export LANG=C.UTF-8`"
        yield Check("terminal: encoding", "warn", encoding, remedy)
    if stream is None or not stream.isatty():
        yield Check("terminal", "ok", "none (the output is redirected); the app needs one")
        return
    term, colours = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if term in ("", "dumb", "unknown"):
        remedy = "the app needs a full terminal: `export TERM=xterm-256color` if this is one"
        yield Check("terminal: colours", "warn", f"TERM={term or '(not set)'}", remedy)
    elif "NO_COLOR" in os.environ:
        yield Check("terminal: colours", "ok", f"none, because NO_COLOR is set (TERM={term})")
    elif colours in ("truecolor", "24bit"):
        yield Check("terminal: colours", "ok", f"16 million (TERM={term})")
    elif "256color" in term or "direct" in term:
        yield Check("terminal: colours", "ok", f"256 (TERM={term})")
    else:
        remedy = "`export TERM=xterm-256color` if the terminal supports it"
        yield Check("terminal: colours", "warn", f"few (TERM={term})", remedy)
    size = shutil.get_terminal_size()
    found = f"{size.columns} x {size.lines}"
    if size.columns >= 80 and size.lines >= 24:
        yield Check("terminal: size", "ok", found)
    else:
        yield Check("terminal: size", "warn", found, "make the window 80 x 24 or larger")


def tmux() -> Iterator[Check]:
    if "TMUX" in os.environ:
        yield Check("tmux", "ok", "this is a tmux session")
    elif shutil.which("tmux"):
        yield Check("tmux", "ok", "installed")
    else:
        remedy = "install it to keep the app open over SSH; jobs continue without it"
        yield Check("tmux", "warn", "not installed", remedy)
