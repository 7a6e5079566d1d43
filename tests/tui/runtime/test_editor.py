"""How each editor gets the line, and what is shown where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.runtime import editor


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("vi", ["+7", "F"]),
        ("nvim -p", ["-p", "+7", "F"]),
        ("nano", ["+7", "F"]),
        ("emacs -nw", ["-nw", "+7", "F"]),
        ("code", ["--wait", "-g", "F:7"]),
        ("code -w", ["-w", "-g", "F:7"]),
        ("hx", ["F:7"]),
        ("subl", ["--wait", "F:7"]),
        ("gvim", ["--nofork", "+7", "F"]),
        ("my-editor --fast", ["--fast", "F"]),
    ],
)
def test_editors_open_the_file_at_the_line(tmp_path: Path, program: str, words: list[str]) -> None:
    name = tmp_path / program.split()[0]
    name.touch(0o700)
    environment = {"EDITOR": program, "PATH": str(tmp_path)}
    assert editor.command(Path("F"), 7, environment) == [program.split()[0], *words]


def test_visual_comes_first_and_a_missing_editor_is_named(tmp_path: Path) -> None:
    (tmp_path / "vi").touch(0o700)
    path = str(tmp_path)
    assert editor.command(Path("F"), None, {"VISUAL": "vi", "EDITOR": "nano", "PATH": path}) == ["vi", "F"]
    with pytest.raises(editor.NoEditorError, match="no editor is set"):
        editor.command(Path("F"), 1, {"EDITOR": " ", "PATH": path})
    with pytest.raises(editor.NoEditorError, match=r"\$EDITOR names 'nano', which is not a program"):
        editor.command(Path("F"), 1, {"EDITOR": "nano", "PATH": path})
    with pytest.raises(editor.NoEditorError, match="cannot be read as a command"):
        editor.command(Path("F"), 1, {"EDITOR": "'vi", "PATH": path})
