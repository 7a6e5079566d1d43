"""The app with a key that breaks it: `python failing_app.py WORKSPACE`."""

from __future__ import annotations

import sys
from pathlib import Path

from textual.binding import Binding

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.config.workspace import WorkspacePaths
from tui.app.application import EmpathyApp


class FailingApp(EmpathyApp):
    CSS_PATH = str(Path(sys.modules[EmpathyApp.__module__].__file__ or "").with_name("app.tcss"))
    BINDINGS = [Binding("f9", "fail")]  # noqa: RUF012 - a class variable of Textual's

    def action_fail(self) -> None:
        raise RuntimeError("broken \x1b[2J\x1b]0;owned\x07 [bold]not markup[/]")


if __name__ == "__main__":
    app = FailingApp(WorkspacePaths(Path(sys.argv[1]), read_only=True))
    app.run()
    sys.exit(app.return_code or 0)
