"""The logs screen: following, searching, filtering by level, errors and attempts, in logs of any size."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import shown, until, until_shows
from tests.support.workspaces.filled_workspace import HOSTILE, job_id
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.navigation.messages import OpenLog
from tui.screens.logs import log_window
from tui.screens.logs.log_view import LogView

STEP = "2026-05-28 20:26:40,123 INFO worker: step"
TRACEBACK = """2026-05-28 20:26:41,123 ERROR worker: unexpected
Traceback (most recent call last):
  File "/x/job.py", line 3, in run
ValueError: {}
"""
BAR = "\r {}%|####      | {}/100 [00:01<00:01,  8.51it/s]"


def log_of(workspace: WorkspacePaths, stage: str, name: str, attempt: int = 1) -> Path:
    return workspace.attempt(job_id(workspace, stage, name), attempt) / "log.txt"


@pytest.fixture
def log(filled: WorkspacePaths) -> Path:
    """A log that is far longer than what is kept of it at a time, with two errors and three needles."""
    lines = [
        f"{STEP} {number} of many, and a line of some length for all of them" for number in range(20_000)
    ]
    lines[100] = f"{STEP} needle at the front"
    lines[9_000] = TRACEBACK.format("the first").rstrip()
    lines[9_500] = f"{STEP} Needle in the middle"
    lines[15_000] = "/x/other.py:1508: UserWarning: take care\n  warnings.warn("
    lines[17_000] = TRACEBACK.format("the second needle").rstrip()
    path = log_of(filled, "judge", "embedded")
    path.write_text("\n".join(lines) + "\n")
    return path


async def open_log(pilot: Pilot[None], workspace: WorkspacePaths, stage: str, name: str) -> LogView:
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    app.post_message(OpenLog(job_id(workspace, stage, name)))
    await until(pilot, lambda: bool(app.screen.query(LogView)) and app.screen.query_one(LogView).has_focus)
    view = app.screen.query_one(LogView)
    await until(pilot, lambda: bool(view.window.lines))
    return view


def current(view: LogView) -> str:
    return "" if view.current is None else view.current.text


async def type_words(pilot: Pilot[None], words: str) -> None:
    await pilot.press("slash", "ctrl+u", *words.replace(" ", "_").replace("_", " "), "enter")


async def test_what_comes_is_shown(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await open_log(pilot, filled, "recipe", "direct/chatgpt")
        await until_shows(pilot, "INFO attempt 1 of a made job")
        path = log_of(filled, "recipe", "direct/chatgpt")
        await until_shows(pilot, str(path)[-40:])
        with path.open("a") as file:
            file.write("INFO a line that came later\n")
            file.write("".join(BAR.format(n, n) for n in range(50)))
        await until_shows(pilot, "INFO a line that came later")
        await until_shows(pilot, "49/100")
        with path.open("a") as file:
            file.write("".join(BAR.format(n, n) for n in range(50, 100)))
        await until_shows(pilot, "99/100")
        text = shown(pilot)
        assert "49/100" not in text
        assert text.count("/100 [") == 1


async def test_a_long_log_is_gone_through_from_end_to_beginning(
    opened: Open, filled: WorkspacePaths, log: Path
) -> None:
    async with opened(filled, (100, 30)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await until_shows(pilot, "step 19999 of many")
        await until_shows(pilot, "● following")
        await pilot.press("k")
        await until_shows(pilot, "stopped at 100 %")
        await pilot.press("g")
        await until_shows(pilot, "step 0 of many")
        assert len(view.window.lines) < 5_001
        await pilot.press("pagedown")
        await until(pilot, lambda: "step 0 of many" not in shown(pilot))
        for _ in range(12):
            await pilot.press("pagedown")
        await until_shows(pilot, "stopped at 1 %")
        await pilot.press("G")
        await until_shows(pilot, "step 19999 of many")
        await until_shows(pilot, "● following")


async def test_scrolling_on_and_on_keeps_little(
    opened: Open, filled: WorkspacePaths, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_window, "MAX_LINES", 500)
    async with opened(filled, (100, 60)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        tops = [view.seen[0].start]
        for _ in range(20):
            await pilot.press("pageup")
            await until(pilot, lambda: view.seen[0].start < tops[-1])
            tops.append(view.seen[0].start)
        assert len(view.window.lines) <= 500
        assert not view.window.is_last
        numbers = [
            int(line.text.split("step ")[1].split()[0]) for line in view.seen if "of many" in line.text
        ]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        await pilot.press("F")
        await until_shows(pilot, "step 19999 of many")


async def test_search_goes_through_the_whole_file(opened: Open, filled: WorkspacePaths, log: Path) -> None:
    async with opened(filled, (120, 30)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await pilot.press("n")
        await until_shows(pilot, "no search text")
        # A log that is followed is searched from its end.
        await type_words(pilot, "needle")
        await until_shows(pilot, "match 3 of 3")
        assert current(view) == "ValueError: the second needle"
        await pilot.press("p")
        await until(pilot, lambda: "Needle in the middle" in current(view))
        await until_shows(pilot, "match 2 of 3")
        await pilot.press("p")
        await until(pilot, lambda: "needle at the front" in current(view))
        await pilot.press("p")
        await until_shows(pilot, "search wrapped to the end")
        await until_shows(pilot, "match 3 of 3")
        await pilot.press("n")
        await until_shows(pilot, "search wrapped to the beginning")
        await until(pilot, lambda: "needle at the front" in current(view))
        # Capitals are looked for as they are.
        await type_words(pilot, "Needle")
        await until_shows(pilot, "match 1 of 1")
        assert "Needle in the middle" in current(view)
        await type_words(pilot, "no such words")
        await until_shows(pilot, "no match for 'no such words'")
        await until_shows(pilot, "no match")
        await pilot.press("escape")
        await until(pilot, lambda: "/no such words" not in shown(pilot))
        assert view.has_focus


async def test_more_matches_than_are_counted(opened: Open, filled: WorkspacePaths, log: Path) -> None:
    async with opened(filled, (120, 30)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await type_words(pilot, "of many")
        await until_shows(pilot, "more than 1,000 matches")
        assert "step 19999" in current(view)
        await pilot.press("n")
        await until_shows(pilot, "match 1 of more than 1,000")
        assert "step 0 of many" in current(view)
        await pilot.press("p")
        await until(pilot, lambda: "step 19999" in current(view))
        await pilot.press("p")
        await until(pilot, lambda: "step 19998" in current(view))


async def test_levels_leave_records_with_all_their_lines(
    opened: Open, filled: WorkspacePaths, log: Path
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await pilot.press("v", "v")
        await until_shows(pilot, "▲ warnings and errors")
        await until(pilot, lambda: view.window.start == 0)
        texts = [line.text for line in view.window.lines]
        assert texts == [
            *TRACEBACK.format("the first").splitlines(),
            *("/x/other.py:1508: UserWarning: take care", "  warnings.warn("),
            *TRACEBACK.format("the second needle").splitlines(),
        ]
        text = shown(pilot)
        assert "✗ 2026-05-28 20:26:41,123 ERROR" in text
        assert "│ Traceback" in text
        assert "▲ /x/other.py" in text
        with log.open("a") as file:
            file.write(f"{STEP} of no interest\n2026-05-28 20:26:40,123 WARNING worker: and one more\n")
        await until_shows(pilot, "WARNING worker: and one more")
        assert "of no interest" not in shown(pilot)
        # What is searched is what is shown.
        await type_words(pilot, "needle")
        await until_shows(pilot, "match 1 of 1")
        await pilot.press("v")
        await until_shows(pilot, "✗ errors")
        await until(pilot, lambda: "UserWarning" not in shown(pilot))
        await pilot.press("v")
        await until_shows(pilot, "step 17001 of many")
        await until_shows(pilot, "match 3 of 3")


async def test_a_level_that_nothing_has(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await open_log(pilot, filled, "judge", "embedded")
        await pilot.press("v", "v", "v")
        await until_shows(pilot, "no lines of this level: v changes the level")
        await pilot.press("exclamation_mark")
        await until_shows(pilot, "this log has no errors")


async def test_to_the_last_error_from_anywhere(opened: Open, filled: WorkspacePaths, log: Path) -> None:
    async with opened(filled, (120, 30)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await pilot.press("g", "exclamation_mark")
        await until_shows(pilot, "ValueError: the second needle")
        assert current(view).endswith("ERROR worker: unexpected")
        await pilot.press("exclamation_mark")
        await until_shows(pilot, "ValueError: the first")
        assert current(view).endswith("ERROR worker: unexpected")
        await pilot.press("exclamation_mark")
        await until_shows(pilot, "search wrapped to the end")
        await until_shows(pilot, "ValueError: the second needle")
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard == TRACEBACK.format("the second needle").rstrip())


async def test_the_log_of_a_failed_job_opens_at_its_error(opened: Open, filled: WorkspacePaths) -> None:
    path = log_of(filled, "recipe", "direct/all_together")
    path.write_text(f"{STEP}\n" * 500 + TRACEBACK.format("why it failed") + f"{STEP}\n" * 500)
    async with opened(filled, (120, 30)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "✗ failed")
        table = pilot.app.screen.query_one("#jobs")
        assert table.select(job_id(filled, "recipe", "direct/all_together"))  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until_shows(pilot, "ValueError: why it failed")
        assert current(pilot.app.screen.query_one(LogView)).endswith("ERROR worker: unexpected")


async def test_every_attempt_is_within_reach(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 30)) as pilot:
        await open_log(pilot, filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")
        await until_shows(pilot, "attempt 2 of a made job")
        await until_shows(pilot, "attempt 2 of 2")
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "this is the newest attempt")
        await pilot.press("left_square_bracket")
        await until_shows(pilot, "attempt 1 of a made job")
        await until_shows(pilot, "attempt 1 of 2")
        await pilot.press("left_square_bracket")
        await until_shows(pilot, "this is the oldest of 2 attempts")
        await pilot.press("o")
        await until(pilot, lambda: pilot.app.clipboard.endswith("/1/log.txt"))
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "attempt 2 of a made job")


async def test_the_slash_means_what_has_the_keys(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("8")
        await until_shows(pilot, "/ Search")
        await pilot.press("slash", *"failed", "enter")
        await until_shows(pilot, "/failed: 1 of")
        await pilot.press("tab")
        await until_shows(pilot, "/ Search")
        await type_words(pilot, "made")
        await until_shows(pilot, "/made match 1 of 1")
        # Back: the marks, the list, its filter, home.
        await pilot.press("escape")
        await until(pilot, lambda: "/made" not in shown(pilot))
        await pilot.press("escape")
        await until_shows(pilot, "⏎ Log")
        assert "/failed: 1 of" in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "/failed" not in shown(pilot))
        await pilot.press("escape")
        assert isinstance(pilot.app, EmpathyApp)
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_long_lines_are_cut_or_wrapped(opened: Open, filled: WorkspacePaths) -> None:
    path = log_of(filled, "judge", "embedded")
    path.write_text(f"{STEP} {'語' * 300}beyond the edge\n{STEP} {'x' * 3_000}beyond all of it\n")
    async with opened(filled, (80, 24)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await until_shows(pilot, "…")
        assert "beyond the edge" not in shown(pilot)
        await pilot.press("g", "w", "z")
        await until_shows(pilot, "beyond the edge")
        for _ in range(60):
            await pilot.press("down")
            if "beyond all of it" in shown(pilot):
                break
        assert "beyond all of it" in shown(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "beyond all of it" not in shown(pilot))
        await pilot.press("g")
        await until(pilot, lambda: current(view).startswith(STEP))
        for _ in range(40):
            await pilot.press("right")
        await until_shows(pilot, "beyond the edge")


async def test_a_log_that_is_begun_anew(opened: Open, filled: WorkspacePaths, log: Path) -> None:
    async with opened(filled, (100, 30)) as pilot:
        await open_log(pilot, filled, "judge", "embedded")
        await until_shows(pilot, "step 19999 of many")
        log.write_text("INFO another beginning\n")
        await until_shows(pilot, "INFO another beginning")
        assert "of many" not in shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20)])
async def test_hostile_logs(opened: Open, filled: WorkspacePaths, size: tuple[int, int]) -> None:
    path = log_of(filled, "judge", "embedded")
    noise = bytes(range(256)) + b"\r" * 300 + b"\xf0\x9f\x98" + HOSTILE.encode()
    path.write_bytes(noise * 40 + b"\n\x1b[31mERROR\x1b[0m " + HOSTILE.encode() + b"\n" + noise)
    async with opened(filled, size) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await pilot.press(
            "g", "w", "G", "exclamation_mark", "y", "Y", "v", "v", "v", "w", "right", "pagedown", "pageup"
        )
        await type_words(pilot, "[bold red]")
        await until_shows(pilot, "/[bold red]")
        await until(pilot, lambda: bool(view.window.lines))
        text = shown(pilot)
        for hostile in ("\x1b", "\u202e", "\x9b", "\r", "\x07"):
            assert hostile not in text
            assert hostile not in pilot.app.clipboard


async def test_copying_what_is_seen(opened: Open, filled: WorkspacePaths, log: Path) -> None:
    async with opened(filled, (100, 30)) as pilot:
        view = await open_log(pilot, filled, "judge", "embedded")
        await until_shows(pilot, "step 19999 of many")
        await pilot.press("Y")
        await until(pilot, lambda: bool(pilot.app.clipboard))
        assert pilot.app.clipboard.splitlines() == [line.text for line in view.seen]


async def test_the_supervisors_log_has_no_attempts(opened: Open, filled: WorkspacePaths) -> None:
    filled.supervisor_log.write_text("2026-05-28 20:26:40,123 INFO supervisor: intent 1: start\n")
    async with opened(filled, (100, 30)) as pilot:
        await pilot.press("8")
        await until_shows(pilot, "intent 1: start")
        await pilot.press("left_square_bracket")
        await until_shows(pilot, "it is not a job's")


async def test_a_log_is_followed_through_what_a_shared_folder_does_to_it(
    opened: Open, filled: WorkspacePaths
) -> None:
    path = log_of(filled, "recipe", "direct/chatgpt")
    text = path.read_text()
    async with opened(filled, (120, 40)) as pilot:
        await open_log(pilot, filled, "recipe", "direct/chatgpt")
        await until_shows(pilot, "INFO attempt 1 of a made job")
        path.unlink()
        await until_shows(pilot, "the log is empty")
        path.write_text(text)
        await until_shows(pilot, "INFO attempt 1 of a made job")
        # Longer than before, and not what was there before.
        copy = path.with_name("copied")
        copy.write_text("INFO copied anew\n" + text * 3)
        copy.replace(path)
        await until_shows(pilot, "INFO copied anew")
        assert shown(pilot).count("attempt 1 of a made job") == 3
        # As a stale file handle: an error that passes.
        path.unlink()
        path.mkdir()
        await until_shows(pilot, "cannot be read: Is a directory")
        path.rmdir()
        path.write_text("INFO it can be read again\n")
        await until_shows(pilot, "INFO it can be read again")
