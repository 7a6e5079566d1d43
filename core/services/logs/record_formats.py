"""The formats of log records: which lines begin a record, and its level.

They cover the workers and the supervisor, the usual formats of logging and transformers, Python's warnings
and tracebacks, torch's C++ libraries, progress bars, and the metrics that trainers print.
"""

from __future__ import annotations

import re
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]

#: In ascending order of severity.
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")

_NAMES: dict[bytes, LogLevel] = {
    b"DEBUG": "debug",
    b"INFO": "info",
    b"WARN": "warning",
    b"WARNING": "warning",
    b"ERROR": "error",
    b"CRITICAL": "error",
    b"FATAL": "error",
    b"D": "debug",
    b"I": "info",
    b"W": "warning",
    b"E": "error",
    b"F": "error",
}

_HEAD = re.compile(
    rb"""(?:\x1b\[[\d;]*m)*(?:
    # 2026-05-28 20:26:40,123 INFO worker: words        [2026-05-28 20:26:40][INFO] words
    \[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,:+-]*Z?\]?\s*[\[|-]?\s*(?:\x1b\[[\d;]*m)*
        (?P<dated>DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b
    # WARNING:root:words        [INFO|trainer.py:20] 2026-05-28 >> words        ERROR words
    | \[?(?P<named>DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?=[\s:|\]]|\x1b)
    # transformers and related libraries do not name the level, and log only warnings and above.
    | (?P<kin>\[(?:transformers|huggingface_hub|datasets)\]\s)
    # Traceback (most recent call last):        + Exception Group Traceback (most recent call last):
    | (?P<trace>(?:\[rank\d+\]:)?[\s+|\xe2\x94\x80\x95\xad]*(?:Exception\ Group\ )?
        Traceback\ \(most\ recent\ call\ last\))
    | (?P<error>Exception\ (?:in\ thread|ignored\ in)\b
        | Fatal\ Python\ error:
        | terminate\ called\ after\ throwing\b
        | Segmentation\ fault\b)
    # [rank0]:[W528 20:26:40.123 socket.cpp:20] words        E0528 20:26:40.123000 4711 torch/x.py:20] words
    | (?:\[rank\d+\]:)?\[?(?P<letter>[DIWEF])\d{3,4}\s\d\d:\d\d:\d\d
    # {'loss': '4.015', ...}
    | (?P<metrics>\{['"])
    )""",
    re.VERBOSE,
)
#: folder/module.py:20: UserWarning: words
_WARNING = re.compile(rb"[^\s:][^:\n]*:\d+: \w*Warning:")
#: A tqdm progress bar with its label: text after it is from another writer.
_BAR = re.compile(rb"[^\n]{0,200}?(?:\d+%\|[^|\n]*\|[^\[\n]*|\d+it\ )\[[^\]\n]*\]")


def level(line: bytes, before: LogLevel) -> LogLevel | None:
    """The level of the record that `line` begins; None if it continues a record of level `before`.

    A record without a level (metrics, a progress bar) is info. A traceback is part of the error that it
    follows, or else a separate error.
    """
    found = _HEAD.match(line)
    if found is None:
        # Separate, and after a quick check, because these patterns are slow to match.
        if b"Warning:" in line and _WARNING.match(line):
            return "warning"
        return "info" if bar_ends(line) else None
    kind = found.lastgroup
    if kind == "kin":
        return "warning"
    if kind == "trace":
        return None if before == "error" else "error"
    if kind == "error":
        return "error"
    if kind == "metrics":
        return "info"
    return _NAMES[found[kind or 0]]


def bar_ends(line: bytes) -> list[int]:
    """The ends of the consecutive progress bars at the start of `line`."""
    ends: list[int] = []
    if b"%|" in line or b"it [" in line:
        while found := _BAR.match(line, ends[-1] if ends else 0):
            ends.append(found.end())
    return ends
