"""Reading logs in pieces gives what reading them whole would give, wherever one begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.services.logs import reader as logs
from core.services.logs.reader import (
    ALL,
    Log,
    LogFilter,
    LogLine,
    LogPage,
)
from core.services.logs.record_formats import LogLevel

ERROR = "2026-05-28 20:26:40,123 ERROR worker: unexpected"
INFO = "2026-05-28 20:26:40,123 INFO worker: step"
WARNING = "2026-05-28 20:26:40,123 WARNING worker: take care"

#: Bytes that are read at a time here.
BLOCK = 300
TEXTS = (
    *(INFO, ERROR, WARNING, "Traceback (most recent call last):", "  File x", "", "naïve Ärger", "\x1b[31m"),
    *(" 45%|####| 9/20 [00:01<00:01]", "ValueError: naïve ärger"),
)
#: What is put together at random; no line is so long that it would be shown in pieces.
PARTS = (
    st.lists(
        st.tuples(st.sampled_from(TEXTS), st.sampled_from(["\n", "\n", "\n", "\r", "\r\n", ""])).map("".join),
        max_size=60,
    )
    .map("".join)
    .filter(lambda text: all(len(state.encode()) < 200 for state in re.split("[\r\n]", text)))
)
COUNTS = st.integers(1, 7)
FILTERS = st.builds(
    LogFilter,
    st.sampled_from(["debug", "info", "warning", "error"]),
    st.sampled_from(["", "error", "ärger", "Ärger", "step"]),
    st.booleans(),
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a text of some lines takes several blocks, and several calls."""
    monkeypatch.setattr(logs, "_BLOCK", BLOCK)
    monkeypatch.setattr(logs, "_RECORD", 100_000)
    monkeypatch.setattr(logs, "BUDGET", 2 * BLOCK)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "log.txt"


def written(path: Path, text: str) -> Log:
    path.write_bytes(text.encode())
    return Log(path)


def ahead(log: Log, wanted: LogFilter, count: int) -> Iterator[LogPage]:
    start = 0
    while True:
        page = log.ahead(start, count, wanted)
        yield page
        if page.is_last:
            return
        assert page.end > start
        start = page.end


def back(log: Log, wanted: LogFilter, count: int) -> Iterator[LogPage]:
    before: int | None = None
    while True:
        page = log.back(before, count, wanted)
        yield page
        if page.start == 0:
            return
        assert before is None or page.start < before
        before = page.start


def whole(text: str) -> list[str]:
    """The lines as found with the whole text at hand."""
    lines = text.split("\n")
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in (lines if lines[-1] else lines[:-1])]
    # What was written right behind a bar is a line of its own.
    return [part for line in shown for part in re.split(r"(?<= 9/20 \[00:01<00:01\])(?=.)", line)]


@given(PARTS, COUNTS)
def test_lines_are_those_of_the_whole_text(path: Path, text: str, count: int) -> None:
    found = [line.text for page in ahead(written(path, text), ALL, count) for line in page.lines]
    assert found == [line.replace("\x1b[31m", "") for line in whole(text)]


@given(PARTS, COUNTS, FILTERS)
def test_both_directions_find_the_same_lines(path: Path, text: str, count: int, wanted: LogFilter) -> None:
    log = written(path, text)
    forward = [line for page in ahead(log, wanted, count) for line in page.lines]
    backward = [line for page in reversed([*back(log, wanted, count)]) for line in page.lines]
    assert forward == backward
    for line in forward:
        # From any line one goes on with the next, and back with the one before.
        assert log.ahead(line.start, 1, wanted).lines == (line,)


@given(PARTS, FILTERS)
def test_a_filter_leaves_the_lines_that_it_names(path: Path, text: str, wanted: LogFilter) -> None:
    log = written(path, text)
    every = [line for page in ahead(log, ALL, 5) for line in page.lines]
    levels: list[LogLevel] = ["debug", "info", "warning", "error"]

    def has(line: LogLine) -> bool:
        folded = line.text if wanted.words != wanted.words.lower() else line.text.lower()
        return (
            levels.index(line.level) >= levels.index(wanted.min_level)
            and wanted.words in folded
            and (line.is_first or not wanted.firsts)
        )

    assert [line for page in ahead(log, wanted, 5) for line in page.lines] == [*filter(has, every)]


@given(PARTS, PARTS)
def test_what_comes_is_read_on_from_the_end(path: Path, first: str, then: str) -> None:
    # A bar and what was written right behind it are not drawn over together.
    assume(not re.search(r"00:01\][^\n]*\Z", first))
    log = written(path, first)
    page = log.back(None, 10_000)
    while page.start:
        earlier = log.back(page.start, 10_000)
        page = LogPage(earlier.lines + page.lines, earlier.start, page.end, page.size, page.is_last)
    kept = [line for line in page.lines if line.start < page.end]
    log = written(path, first + then)
    at = page.end
    while True:
        more = log.ahead(at, 100)
        kept += more.lines
        at = more.end
        if more.is_last:
            break
    # A state that stood at the end is drawn over by what comes.
    assert kept == [line for page in ahead(log, ALL, 100) for line in page.lines]


def test_of_states_drawn_over_one_another_the_last_is_shown(path: Path) -> None:
    states = "".join(f"\r {n}%|#| {n}/100 [00:01<00:01]" for n in range(100))
    log = written(path, f"{INFO}\n{states}\n{INFO}\n{states}")
    assert [line.text for line in log.back(None, 10).lines[-1:]] == [" 99%|#| 99/100 [00:01<00:01]"]
    found = [line.text for page in ahead(log, ALL, 10) for line in page.lines]
    assert found == [INFO, " 99%|#| 99/100 [00:01<00:01]"] * 2


def test_an_error_behind_a_progress_bar_is_found(path: Path) -> None:
    bar = "\r 45%|####      | 9/20 [00:01<00:01,  8.51it/s]"
    log = written(path, f"{INFO}\n{bar}{bar}{ERROR}\nValueError: words\n{INFO}\n")
    found = [line.text for page in ahead(log, LogFilter("error"), 9) for line in page.lines]
    assert found == [ERROR, "ValueError: words"]


def test_a_line_of_any_length_is_read_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    text = "ä" * 200_000
    path.write_text(f"{ERROR}\n{text}\n{INFO}\n")
    log = Log(path)
    found = [line for page in ahead(log, ALL, 7) for line in page.lines]
    assert all(len(line.text.encode()) <= logs.LONGEST for line in found)
    assert "".join(line.text for line in found[1:-1]) == text
    assert {line.level for line in found[:3]} == {"error"}
    backward = [line for page in reversed([*back(log, ALL, 7)]) for line in page.lines]
    assert "".join(line.text for line in backward[1:-1]).count("ä") == len(text)


def test_bytes_of_any_kind(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 3 + b"\r" * 500 + b"\n\x80\x80\x80" * 50)
    forward = [line for page in ahead(Log(path), ALL, 3) for line in page.lines]
    assert forward
    assert [line for page in reversed([*back(Log(path), ALL, 3)]) for line in page.lines][-1] == forward[-1]


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.txt")
    assert log.ahead(0, 5) == log.back(None, 5) == LogPage((), 0, 0, 0, is_last=True)


def test_a_log_that_was_begun_anew_is_shorter_than_it_was(path: Path) -> None:
    log = written(path, f"{INFO}\n" * 9)
    end = log.back(None, 5).end
    page = written(path, f"{INFO}\n").ahead(end, 5)
    assert page.size < end
    assert page.lines == ()
    assert not page.goes_on(end, log.ahead(0, 5).head)


def test_a_log_that_was_replaced_by_a_longer_one_is_another_log(path: Path) -> None:
    log = written(path, f"{INFO}\n" * 9)
    before = log.back(None, 5)
    with path.open("a") as file:
        file.write(f"{ERROR}\n" * 9)
    assert log.ahead(before.end, 5).goes_on(before.size, before.head)
    replaced = written(path, f"{WARNING}\n" * 99).ahead(before.end, 5)
    assert not replaced.goes_on(before.size, before.head)


def test_what_a_shared_folder_does_not_show_yet_is_read_later(path: Path) -> None:
    """The new size of a file may be seen before its new bytes, which are zeros until then."""
    text = f"{INFO}\n{ERROR}\n"
    shown = len(INFO) + 10
    path.write_bytes(text[:shown].encode() + bytes(2 * BLOCK))
    log = Log(path)
    page = log.back(None, 5)
    assert [line.text for line in page.lines] == [INFO, ERROR[:9]]
    assert page.size == shown
    path.write_text(text)
    following = log.ahead(page.end, 5)
    assert following.goes_on(page.size, page.head)
    assert [line.text for line in following.lines] == [ERROR]


def test_a_log_of_zeros_alone_is_empty(path: Path) -> None:
    path.write_bytes(bytes(200_000))
    assert Log(path).back(None, 5) == LogPage((), 0, 0, 0, is_last=True)
