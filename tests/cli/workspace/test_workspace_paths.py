"""Workspaces where nothing may be written, or with a path that cannot be used: one sentence, at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config.workspace import MAX_PATH_BYTES
from core.domain.errors import UserError
from core.services.creation.workspace_creation import create_workspace
from core.services.workspace import open_workspace
from tests.cli.conftest import Program
from tests.support.records.synthetic_dialogues import synthetic_csv
from tests.support.workspaces.filled_workspace import fill


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Program]:
    """A workspace with data on a read-only file system; without the right to mount one, in a folder that may
    not be written."""
    place = tmp_path / "place"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "none", str(place)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if os.geteuid() == 0 and not is_mounted:
        pytest.skip("root may write everywhere, and may not mount here")
    root = fill(place / "study").root
    for beside in root.glob("state.db-*"):
        beside.unlink()
    if is_mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    else:
        root.chmod(0o555)
    yield Program(root)
    if is_mounted:
        subprocess.run(["umount", str(place)], check=True)
    else:
        root.chmod(0o755)


def test_a_workspace_that_may_not_be_written_can_be_read(read_only: Program, tmp_path: Path) -> None:
    assert read_only("status", "--json").json["dialogues"]["total"] == 48
    assert "human" in read_only("data").out
    csv = synthetic_csv(tmp_path / "other.csv", rows=12, seed=3)
    for words in (
        ("pause",),
        ("run", "recipe"),
        ("import", "--yes", csv),
        ("data", "fetch", "--yes", "--url", "http://127.0.0.1:9/none"),
    ):
        refused = read_only(*words, code=1)
        assert f"{read_only.root} cannot be changed" in refused.err, words
        assert "--read-only" in refused.err
        assert "Traceback" not in refused.err


def test_no_workspace_is_created_where_nothing_may_be_written(read_only: Program) -> None:
    for folder in (read_only.root / "new", read_only.root / "a" / "b"):
        assert "cannot be created" in read_only("init", folder, code=1).err


def test_a_path_that_is_not_utf8(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    root.mkdir()
    for refuse in (open_workspace, create_workspace):
        with pytest.raises(UserError, match="not valid UTF-8"):
            refuse(root)
    words: list[str | bytes] = [sys.executable, "-m", "tui", "--workspace", os.fsencode(root), "status"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not valid UTF-8" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(root.iterdir())


def test_a_path_that_is_too_long_for_sqlite(tmp_path: Path) -> None:
    root = tmp_path / ("x" * 200) / ("y" * 200)
    longest = root / ("é" * ((MAX_PATH_BYTES - len(str(root)) - 1) // 2))
    assert create_workspace(longest).state.is_file()
    assert open_workspace(longest).pipeline.snapshot().dialogues.total == 0
    too_long = root / ("z" * 200)
    for refuse in (open_workspace, create_workspace):
        with pytest.raises(UserError, match="more than 480"):
            refuse(too_long)
    with pytest.raises(UserError, match="File name too long"):
        open_workspace(tmp_path / ("x" * 300))


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UserError, match="not a path of a folder"):
        open_workspace(tmp_path / "a")
    with pytest.raises(UserError, match="not a path of a folder"):
        open_workspace("~nobody-has-this-name/study")


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    with pytest.raises(UserError, match="no longer exists"):
        open_workspace()


def test_a_folder_in_place_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(UserError, match="is a folder, not a file: move it away"):
        open_workspace(tmp_path).pipeline.snapshot()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_streams_that_are_closed(tmp_path: Path, closed: str) -> None:
    program = f'exec "$0" -m tui --workspace "$1" {closed}'
    words = ["sh", "-c", program, sys.executable, str(tmp_path)]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)


def test_nothing_is_made_in_a_folder_that_is_no_workspace(tmp_path: Path) -> None:
    elsewhere = Program(tmp_path)
    for words in (("pause",), ("resume",), ("judge", "reparse"), ("rebuild", "--yes")):
        assert f"{tmp_path} is not a workspace" in elsewhere(*words, code=1).err, words
    assert not list(tmp_path.iterdir())


def test_the_command_for_a_missing_workspace_can_be_pasted(tmp_path: Path) -> None:
    refused = Program(tmp_path / "a b; c")("status", code=1)
    assert f"`empathy-tui init '{tmp_path}/a b; c'`" in refused.err
