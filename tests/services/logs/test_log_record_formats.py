"""Which lines begin a record, and of what level: in the shapes that workers and libraries really write."""

from __future__ import annotations

import pytest

from core.services.logs.record_formats import LogLevel, bar_ends, level

BEGINNINGS: list[tuple[str, LogLevel]] = [
    ("2026-05-28 20:26:40,123 INFO worker: sft smollm2, attempt 1", "info"),
    ("2026-05-28 20:26:40,123 DEBUG httpx: words", "debug"),
    ("2026-05-28 20:26:40,123 WARNING supervisor: intent 3 refused: no", "warning"),
    ("2026-05-28 20:26:40,123 ERROR worker: unexpected", "error"),
    ("2026-05-28 20:26:40,123 CRITICAL root: words", "error"),
    ("2026-05-28 20:26:40.123 | ERROR    | module:main:3 - words", "error"),
    ("2026-05-28T20:26:40Z WARN words", "warning"),
    ("[2026-05-28 20:26:40,123] [WARNING] [real_accelerator.py:162:get_accelerator] words", "warning"),
    ("\x1b[33m2026-05-28 20:26:40,123 \x1b[1mWARNING\x1b[0m words", "warning"),
    ("WARNING:root:words", "warning"),
    ("ERROR: words", "error"),
    ("INFO attempt 1", "info"),
    ("[INFO|trainer.py:2134] 2026-05-28 20:26:40,123 >> ***** Running training *****", "info"),
    ("[WARNING|logging.py:314] 2026-05-28 20:26:40,123 >> words", "warning"),
    ("[transformers] `torch_dtype` is deprecated! Use `dtype` instead!", "warning"),
    ("/x/site-packages/peft/utils/other.py:1508: UserWarning: Unable to fetch remote file", "warning"),
    ("/x/y.py:3303: FutureWarning: `is_gradient_checkpointing` is deprecated", "warning"),
    ("<string>:1: SyntaxWarning: invalid escape sequence", "warning"),
    ("Traceback (most recent call last):", "error"),
    ("[rank0]: Traceback (most recent call last):", "error"),
    ("  + Exception Group Traceback (most recent call last):", "error"),
    ("╭───────── Traceback (most recent call last) ─────────╮", "error"),
    ("Exception in thread Thread-1 (run):", "error"),
    ("Exception ignored in: <function f at 0x7f>", "error"),
    ("Fatal Python error: Segmentation fault", "error"),
    ("terminate called after throwing an instance of 'c10::Error'", "error"),
    ("[W528 20:26:40.123456789 socket.cpp:759] [c10d] words", "warning"),
    ("[rank0]:[E528 20:26:40.123456789 ProcessGroupNCCL.cpp:632] words", "error"),
    ("W0528 20:26:40.123000 4711 torch/_dynamo/convert_frame.py:906] words", "warning"),
    ("{'loss': '4.015', 'grad_norm': '0.7681', 'epoch': '0.1667'}", "info"),
    (" 45%|████▌     | 9/20 [00:01<00:01,  8.51it/s]", "info"),
    ("Map (num_proc=2): 100%|██████████| 1750/1750 [00:01<00:00, 1210.04 examples/s]", "info"),
    ("9it [00:01,  8.51it/s]", "info"),
]

CONTINUATIONS = [
    "",
    "  warnings.warn(",
    '  File "/x/y.py", line 3, in f',
    "ValueError: INFO is not what 45 % of them said",
    "RuntimeError: CUDA error: device-side assert triggered",
    "INFORMATION is not a level",
    "a plain line 2026-05-28 20:26:40,123 ERROR that only speaks of one",
    "The above exception was the direct cause of the following exception:",
]


@pytest.mark.parametrize(("line", "expected"), BEGINNINGS)
def test_beginnings_of_records(line: str, expected: LogLevel) -> None:
    assert level(line.encode(), "info") == expected


@pytest.mark.parametrize("line", CONTINUATIONS)
def test_other_lines_belong_to_the_record_before_them(line: str) -> None:
    assert level(line.encode(), "error") is None


def test_a_traceback_belongs_to_the_error_that_it_follows() -> None:
    assert level(b"Traceback (most recent call last):", "error") is None
    assert level(b"Traceback (most recent call last):", "warning") == "error"


def test_where_progress_bars_end() -> None:
    bar = b" 45%|####      | 9/20 [00:01<00:01,  8.51it/s, loss=2.1]"
    assert bar_ends(bar) == [len(bar)]
    assert bar_ends(bar + bar + b"2026-05-28 20:26:40,123 ERROR worker: words [x]") == [
        len(bar),
        2 * len(bar),
    ]
    assert bar_ends(b"of 45%| there was no bar") == []
